"""A small set of handwritten digits that stands in for MNIST, so that nothing is ever downloaded.

The digits are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI, CC BY 4.0), as
scikit-learn ships it: 1,797 images of 8 x 8 pixels with 17 grey levels.
"""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path
from types import ModuleType

import torch
from torch.nn import functional as F

# Every fifth digit is for testing: 1,437 to train on, 360 to test, both of all writers.
_TEST_EVERY = 5


@functools.cache
def digits(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the digits as MNIST would: images (N, 28, 28) uint8 from 0 to 255, labels (N,) int64.

    As in MNIST, the figure fills the middle 20 x 20 pixels.
    """
    with zipfile.ZipFile(Path(__file__).with_name("digits.npz")) as archive:
        levels = _array(archive.read("images.npy")).reshape(-1, 1, 8, 8)
        labels = _array(archive.read("labels.npy")).long()
    grey = levels.to(torch.float32) * (255 / 16)
    large = F.interpolate(grey, size=(20, 20), mode="bilinear", align_corners=False)
    images = F.pad(large, (4, 4, 4, 4)).squeeze(1).round().to(torch.uint8)
    mine = (torch.arange(len(labels), device="cpu") % _TEST_EVERY == 0) != train
    return images[mine], labels[mine]


def replace_mnist(module: ModuleType) -> None:
    """Gives the classes of ``torchvision.datasets.mnist`` the embedded digits in place of a download."""
    for dataset in (module.MNIST, module.EMNIST):  # FashionMNIST and KMNIST inherit from the first
        dataset.download = lambda self: None
        dataset._check_legacy_exist = lambda self: False
        dataset._check_exists = lambda self: True
        dataset._load_data = lambda self: tuple(part.clone() for part in digits(bool(self.train)))


def _array(data: bytes) -> torch.Tensor:
    """Reads a .npy of bytes (version 1), without NumPy: magic, version, length of the header, header, data."""
    begin = 10 + int.from_bytes(data[8:10], "little")
    return torch.frombuffer(bytearray(data[begin:]), dtype=torch.uint8)
