"""What a notebook expects around it: a silent Jupyter, plots without a window, MNIST without a network."""

from __future__ import annotations

import builtins
import os
import socket
import sys
from types import ModuleType
from typing import Any

import torch

from conformance.runner.loading.digits import replace_mnist
from conformance.runner.loading.hooks import Hooks

# Read by libraries when they are imported, and by the child processes of `try: import x; except: pip install x`, which
# are to fail at once. Port 9 is the discard service, where nobody listens.
_VARIABLES = {
    "MPLBACKEND": "Agg",
    "WANDB_MODE": "disabled",
    "HF_HUB_OFFLINE": "1",
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    **dict.fromkeys(["http_proxy", "https_proxy", "ftp_proxy"], "http://127.0.0.1:9"),
}

# Half a second and more each, and hardly a submission uses them when it is judged.
_LAZY: dict[str, dict[str, Any]] = {"matplotlib.pyplot": {}, "torchvision.models": {}, "torchvision.ops": {}}


def _nothing(*_: object, **__: object) -> None:
    """Stands for ``display`` and its like."""


class _Shown:
    """Stands for the classes of IPython.display: takes anything, shows nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        self.data = None


# As outside Jupyter, get_ipython() is None; google.colab stays absent, for code that asks whether it runs there.
_DISPLAY: dict[str, Any] = {
    **dict.fromkeys(["display", "clear_output", "set_matplotlib_formats"], _nothing),
    **dict.fromkeys(["HTML", "Image", "Markdown", "Math", "Latex", "Audio", "Video", "SVG"], _Shown),
}
_ABSENT: dict[str, dict[str, Any]] = {
    "IPython": {"get_ipython": _nothing, "version_info": (0, 0, 0)},
    "IPython.display": _DISPLAY,
    "IPython.core": {},
    "IPython.core.display": _DISPLAY,
}


def _define_detection_operators(module: ModuleType) -> None:
    """Lets torchvision be imported although its C++ library does not fit torch: it builds on operators from there."""
    if module._has_ops() or _libraries:
        return
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _libraries.append(library)  # its definitions live as long as it does


def _quiet_bars(module: ModuleType) -> None:
    """Disables every progress bar; TQDM_DISABLE would come too late where torch.hub has imported tqdm already."""
    original = module.tqdm.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **{**options, "disable": True})

    module.tqdm.__init__ = init


_libraries: list[Any] = []
_AFTER = {
    "torchvision.extension": _define_detection_operators,
    "torchvision.datasets.mnist": replace_mnist,
    "tqdm.std": _quiet_bars,
}
_hooks = Hooks(lazy=_LAZY, after=_AFTER, absent=_ABSENT)
_undo: list[tuple[Any, str, Any]] = []
_environ: dict[str, str | None] = {}


def install() -> None:
    """Puts the environment in place, for this process; a second call changes nothing."""
    if _hooks in sys.meta_path:
        return
    _environ.update({name: os.environ.get(name) for name in _VARIABLES})
    os.environ.update(_VARIABLES)
    sys.meta_path.insert(0, _hooks)
    for name, patch in _AFTER.items():
        if (module := sys.modules.get(name)) is not None:
            patch(module)
    # torch would start threads, which a fork of this process cannot take along.
    _replace(torch, "set_num_threads", _nothing)
    _replace(torch, "set_num_interop_threads", _nothing)
    _replace(builtins, "get_ipython", _nothing)
    _replace(builtins, "display", _nothing)
    _replace(socket, "getaddrinfo", _no_network)
    _replace(socket.socket, "connect", _no_connection)


def uninstall() -> None:
    """Takes the environment away again, but for modules that were imported in it."""
    if _hooks in sys.meta_path:
        sys.meta_path.remove(_hooks)
    for variable, before in _environ.items():
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before
    _environ.clear()
    while _undo:
        owner, name, value = _undo.pop()
        if value is None:
            delattr(owner, name)
        else:
            setattr(owner, name, value)


def _replace(owner: Any, name: str, value: Any) -> None:
    _undo.append((owner, name, vars(owner).get(name)))
    setattr(owner, name, value)


_connect = socket.socket.connect


def _no_network(*_: object, **__: object) -> None:
    raise OSError("there is no network beside the judge: nothing can be downloaded")


def _no_connection(self: socket.socket, address: Any, /) -> None:
    """Refuses everything but the local sockets that multiprocessing uses."""
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _no_network()
    _connect(self, address)
