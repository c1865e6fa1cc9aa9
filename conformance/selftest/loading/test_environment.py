"""What a notebook expects around it is there, silent, and needs neither window nor network."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from conformance.runner.loading import environment
from conformance.runner.loading.digits import digits
from conformance.selftest.loading.conftest import Write, needs, read, whys

ROOT = Path(__file__).parents[3]


def test_mnist_is_a_small_set_of_digits_and_nothing_is_downloaded(notebook: Write, tmp_path: Path) -> None:
    needs("torchvision")
    cell = f"""
import torch
from torchvision import datasets, transforms
from torchvision.datasets import MNIST, FashionMNIST
root = {str(tmp_path / "data")!r}
train = datasets.MNIST(root=root, train=True, download=True, transform=transforms.ToTensor())
scaled = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0, 1)])
test = datasets.MNIST(root, train=False, transform=scaled)
raw = MNIST(root)
odd = FashionMNIST(root, False, None, lambda label: label % 2)
x, y = train[0]
image, _ = raw[0]
batch, labels = next(iter(torch.utils.data.DataLoader(train, 64)))
"""
    loaded = read(notebook(cell), statement_seconds=10)
    names = loaded.namespace
    assert loaded.unread == []
    assert (len(names["train"]), len(names["test"])) == (1437, 360)
    assert (names["x"].shape, names["x"].dtype, float(names["x"].max()) <= 1) == ((1, 28, 28), torch.float32, True)
    assert isinstance(names["y"], int)
    assert names["image"].size == (28, 28)
    assert names["batch"].shape == (64, 1, 28, 28)
    assert {label for _, label in names["odd"]} == {0, 1}
    assert (names["train"].data.dtype, names["train"].targets.dtype) == (torch.uint8, torch.int64)
    assert len(names["train"].classes) == 10
    assert not (tmp_path / "data").exists()


def test_the_digits_can_be_learnt() -> None:
    (images, labels), (test_images, test_labels) = digits(True), digits(False)
    assert images.shape == (1437, 28, 28)
    assert (int(images.min()), int(images.max())) == (0, 255)
    assert set(labels.tolist()) == set(range(10))
    means = torch.stack([images[labels == digit].float().mean(0).flatten() for digit in range(10)])
    nearest = torch.cdist(test_images.flatten(1).float(), means).argmin(1)
    assert (nearest == test_labels).float().mean() > 0.8


def test_plots_are_drawn_without_a_window(notebook: Write) -> None:
    needs("matplotlib")
    cell = """
import matplotlib.pyplot as plt
from matplotlib import pyplot
def plot():
    fig, axes = plt.subplots(1, 2)
    axes[0].plot([1, 2])
    plt.show()
    return plt.get_backend()
backend = plot()
"""
    loaded = read(notebook(cell), statement_seconds=20)
    assert loaded.unread == []
    assert loaded.namespace["backend"].lower() == "agg"


def test_a_plotting_library_that_is_not_used_is_not_loaded() -> None:
    needs("torchvision")
    code = """
import sys, inspect, torch
from conformance.runner.loading import environment
environment.install()
import matplotlib.pyplot as plt, torchvision
from torchvision import models, transforms
inspect.getmodule(environment.install)  # looks at everything in sys.modules
assert "matplotlib.figure" not in sys.modules and "torchvision.models.resnet" not in sys.modules
from torchvision.models import resnet18
assert resnet18.__module__ == "torchvision.models.resnet"
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_jupyters_helpers_are_silent(notebook: Write) -> None:
    cell = """
import IPython
from IPython.display import display as show, clear_output, HTML, Image
from IPython import get_ipython as gi
shell = get_ipython()
in_colab = 'google.colab' in str(get_ipython())
def f():
    clear_output(wait=True)
    display(HTML("<b>"))
    return show(1)
x = f()
"""
    loaded = read(notebook(cell))
    assert loaded.unread == []
    assert (loaded.namespace["shell"], loaded.namespace["in_colab"]) == (None, False)


def test_code_that_asks_learns_that_this_is_not_colab(notebook: Write) -> None:
    loaded = read(notebook("try:\n    import google.colab\n    COLAB = True\nexcept ImportError:\n    COLAB = False"))
    assert loaded.namespace["COLAB"] is False


def test_progress_bars_are_silent(notebook: Write, capfd: pytest.CaptureFixture[str]) -> None:
    needs("tqdm")
    cell = """
from tqdm import tqdm, trange
from tqdm.notebook import tqdm as nb
from tqdm.auto import tqdm as auto
def f():
    return [list(bar(range(3))) for bar in (tqdm, nb, auto)]
x = f()
"""
    assert read(notebook(cell), statement_seconds=5).namespace["x"] == [[0, 1, 2]] * 3
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "code",
    [
        "import urllib.request\nx = urllib.request.urlopen('http://example.com/mnist.gz')",
        "import socket\nx = socket.create_connection(('127.0.0.1', 80))",
        "import socket\nx = socket.socket().connect(('127.0.0.1', 80))",
        "import subprocess, sys\nx = subprocess.check_output([sys.executable, '-m', 'pip', 'download', 'no-such-x'])",
        "import torch\nx = torch.hub.load_state_dict_from_url('https://example.com/x.pt')",
    ],
)
def test_downloads_fail_at_once(code: str, notebook: Write) -> None:
    started = time.monotonic()
    (why,) = whys(read(notebook(code), statement_seconds=5))
    assert "there is no network beside the judge" in why or "CalledProcessError" in why
    assert time.monotonic() - started < 4


def test_the_environment_can_be_taken_away_again() -> None:
    import builtins
    import socket

    before = (torch.set_num_threads, socket.getaddrinfo, socket.socket.connect, list(sys.meta_path))
    environment.install()
    environment.install()
    environment.uninstall()
    assert before[:3] == (torch.set_num_threads, socket.getaddrinfo, socket.socket.connect)
    assert not hasattr(builtins, "get_ipython")
