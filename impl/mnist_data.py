"""MNIST where it can be had, and scikit-learn's handwritten digits where it cannot."""

from __future__ import annotations

import gzip
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impl.data import TensorPairDataset

_RAW = Path("MNIST", "raw")  # where torchvision.datasets.MNIST looks under its root
_PATIENCE = 10  # seconds to wait for a server before doing without
_schemas: list[torch.library.Library] = []  # a library's definitions live as long as it does


class Digits(NamedTuple):
    """Images (N, 1, 28, 28) float32 in [0, 1] with their classes 0 to 9, and a sentence that says what they are."""

    train: TensorPairDataset
    test: TensorPairDataset
    source: str


def load_digits(root: Path) -> Digits:
    """MNIST from root, unzipped, gzipped or downloaded into it; failing that, scikit-learn's digits brought to 28x28.

    Args:
        root: the folder that holds, or shall hold, MNIST/raw.

    Returns:
        The data; `source` says which of the two it is, and why where it is not MNIST.
    """
    try:
        return _mnist(root)
    except (ImportError, OSError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        train, test = _scikit_learn_digits()
        source = f"NOT MNIST but scikit-learn's handwritten digits, 8x8 brought to 28x28 (no MNIST in {root}: {reason})"
        return Digits(train, test, source)


def _mnist(root: Path) -> Digits:
    datasets = _import_torchvision().datasets
    zipped = sorted((root / _RAW).glob("*-ubyte.gz"))
    unzipped = [file for file in (root / _RAW).glob("*-ubyte") if file.is_file()]
    if zipped and not unzipped:
        # torchvision reads unzipped files; the folder may not be ours to write to, so they go into one that is.
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            (copy / _RAW).mkdir(parents=True)
            for file in zipped:
                with gzip.open(file) as source, (copy / _RAW / file.stem).open("wb") as target:
                    shutil.copyfileobj(source, target)
            train, test = (_pairs(datasets.MNIST(copy, train=is_train)) for is_train in (True, False))
    else:
        timeout = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_PATIENCE)
        try:
            train, test = (_pairs(datasets.MNIST(root, train=is_train, download=True)) for is_train in (True, False))
        finally:
            socket.setdefaulttimeout(timeout)
    split = "its own split" if (len(train), len(test)) == (60_000, 10_000) else "NOT its own split"
    return Digits(train, test, f"MNIST from {root}: {len(train):,} training and {len(test):,} test images, {split}")


def _pairs(mnist: Any) -> TensorPairDataset:
    """The whole set at once, scaled as ToTensor scales each image."""
    return TensorPairDataset(mnist.data[:, None].float() / 255, mnist.targets)


def _scikit_learn_digits() -> tuple[TensorPairDataset, TensorPairDataset]:
    """1,797 images of 8x8 pixels from 0 to 16; every fifth is for testing."""
    from sklearn.datasets import load_digits as load_8x8

    bunch = load_8x8()
    images = torch.from_numpy(bunch.images).float()[:, None] / 16
    images = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False)
    targets = torch.from_numpy(bunch.target).long()
    is_test = torch.arange(len(targets)) % 5 == 0

    def part(which: Tensor) -> TensorPairDataset:
        return TensorPairDataset(images[which], targets[which])

    return part(~is_test), part(is_test)


def _import_torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not fit the torch beside it: the datasets need none of them.

    Its import then fails for want of the schemas of two operators; with these declared, and nothing behind them, it
    works.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(schema)  # type: ignore[no-untyped-call]
        _schemas.append(library)
        import torchvision
    module: ModuleType = torchvision
    return module
