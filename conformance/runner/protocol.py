"""Messages between judge and runner: a JSON header and raw tensor bytes, both length-checked, nothing executable.

Layout of a message: magic (4 bytes), header length (u32), payload length (u64), header (UTF-8 JSON), payload.
Values travel as JSON; what JSON lacks is tagged by a one-key object:

=============  ==========================================================================
``{"t": […]}``  tuple
``{"d": {…}}``  dict with string keys
``{"T": […]}``  tensor: dtype, shape, stride, offset, elements, place in the payload, requires_grad, device
``{"o": "…"}``  something else, by the name of its type
=============  ==========================================================================

Floats are written by ``repr``, which is exact; NaN and infinities as JSON's usual extensions.
"""

from __future__ import annotations

import array
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

import torch

MAGIC = b"CNF1"
_HEAD = struct.Struct("!4sIQ")
# A hostile runner may announce any size; an honest observation is a few megabytes at most.
MAX_HEADER = 16 * 2**20
MAX_PAYLOAD = 256 * 2**20
# Deep nesting would exhaust the judge's stack; honest observations nest three or four levels.
MAX_DEPTH = 32

DTYPES: dict[str, torch.dtype] = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "int32": torch.int32,
    "int16": torch.int16,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ITEMSIZE = {name: torch.empty(0, dtype=dtype).element_size() for name, dtype in DTYPES.items()}


class ProtocolError(Exception):
    """What came over the wire is not a message of this protocol."""


@dataclass(frozen=True)
class Opaque:
    """A value that is neither plain data nor a tensor, known only by the name of its type."""

    type_name: str

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


@dataclass(frozen=True)
class Strided:
    """A tensor to be laid out in the runner: a flat ``storage`` seen through ``shape``, ``stride`` and ``offset``."""

    storage: torch.Tensor
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0
    requires_grad: bool = False
    device: str = "cpu"


def encode(value: Any) -> bytes:
    """Returns ``value`` (plain data, tensors, ``Strided``) as one message."""
    blobs: list[bytes] = []
    tree = _to_tree(value, blobs, 0)
    header = json.dumps(tree, separators=(",", ":")).encode("utf-8", "surrogatepass")
    payload = b"".join(blobs)
    return _HEAD.pack(MAGIC, len(header), len(payload)) + header + payload


def decode(header: bytes, payload: bytes, *, place: bool = True) -> Any:
    """Returns the value of a message.

    Args:
        header, payload: the two parts of a message.
        place: whether tensors go to the device that they name; the judge says no, keeps them on the CPU and reads
            the device off ``seen_on``.

    Raises:
        ProtocolError: the bytes are not a well-formed message.
    """
    try:
        tree = json.loads(header.decode("utf-8", "surrogatepass"))
        return _Reader(payload, place).value(tree, 0)
    except ProtocolError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, RuntimeError) as error:
        raise ProtocolError(f"malformed message: {error}") from error


def loads(message: bytes, *, place: bool = True) -> Any:
    """Returns the value of a whole message of our own, as ``encode`` made it; ``place`` as in ``decode``."""
    _, header_size, _ = _HEAD.unpack_from(message)
    start = _HEAD.size
    return decode(message[start : start + header_size], message[start + header_size :], place=place)


def send(sock: socket.socket, value: Any, fds: tuple[int, ...] = ()) -> None:
    """Sends one message, with file descriptors beside it where given."""
    data = encode(value)
    if fds:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        sent = sock.sendmsg([data], rights)
        data = data[sent:]
    if data:
        sock.sendall(data)


def receive(sock: socket.socket, *, place: bool = True) -> tuple[Any, list[int]]:
    """Returns the next message and the file descriptors that came with it; ``place`` as in ``decode``.

    Raises:
        EOFError: the other side has gone.
        ProtocolError: what came is not a message.
        TimeoutError: the socket's time limit ran out.
    """
    fds: list[int] = []
    head = b""
    while len(head) < _HEAD.size:
        data, ancillary, _, _ = sock.recvmsg(_HEAD.size - len(head), socket.CMSG_SPACE(4))
        for level, kind, rights in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.extend(array.array("i", rights[: len(rights) - len(rights) % 4]))
        if not data:
            raise EOFError("the other side has gone")
        head += data
    magic, header_size, payload_size = _HEAD.unpack(head)
    if magic != MAGIC or header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
        raise ProtocolError("the reply is not a message of the runner")
    return decode(_read(sock, header_size), _read(sock, payload_size), place=place), fds


def _read(sock: socket.socket, size: int) -> bytes:
    chunks = bytearray(size)
    view, done = memoryview(chunks), 0
    while done < size:
        count = sock.recv_into(view[done:])
        if not count:
            raise EOFError("the other side has gone in the middle of a message")
        done += count
    return bytes(chunks)


def _to_tree(value: Any, blobs: list[bytes], depth: int) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if depth > MAX_DEPTH:
        return {"o": "too deeply nested"}
    if type(value) is list:
        return [_to_tree(item, blobs, depth + 1) for item in value]
    if type(value) is tuple:
        return {"t": [_to_tree(item, blobs, depth + 1) for item in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"d": {key: _to_tree(item, blobs, depth + 1) for key, item in value.items()}}
    if isinstance(value, torch.Tensor):
        return _tensor_to_tree(value, blobs)
    if isinstance(value, Strided):
        start = _append(value.storage, blobs)
        name = DTYPE_NAMES[value.storage.dtype]
        geometry = [list(value.shape), list(value.stride), value.offset, value.storage.numel(), start]
        return {"T": [name, *geometry, value.requires_grad, value.device]}
    if isinstance(value, Opaque):
        return {"o": value.type_name}
    kind = type(value)
    return {"o": f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__}


def _tensor_to_tree(tensor: torch.Tensor, blobs: list[bytes]) -> Any:
    if tensor.layout is not torch.strided or tensor.dtype not in DTYPE_NAMES:
        return {"o": f"a {tensor.layout} tensor of {tensor.dtype}"}
    plain = tensor.detach()
    shape, stride, count, start = list(plain.shape), [], 0, 0
    if plain.device.type != "meta":
        packed = plain.cpu().contiguous()
        stride, count, start = list(packed.stride()), packed.numel(), _append(packed.reshape(-1), blobs)
    return {"T": [DTYPE_NAMES[plain.dtype], shape, stride, 0, count, start, tensor.requires_grad, plain.device.type]}


def _append(flat: torch.Tensor, blobs: list[bytes]) -> int:
    start = sum(map(len, blobs))
    # A single entry counts as contiguous whatever its stride, which a view of its bytes would refuse.
    packed = flat.as_strided((flat.numel(),), (1,), flat.storage_offset())
    blobs.append(packed.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return start


class _Reader:
    """Turns the JSON of one message back into values, over its payload."""

    def __init__(self, payload: bytes, place: bool) -> None:
        self.payload = payload
        self.place = place

    def value(self, tree: Any, depth: int) -> Any:
        if depth > MAX_DEPTH + 1:
            raise ProtocolError("the reply is nested too deeply")
        if tree is None or isinstance(tree, bool | int | float | str):
            return tree
        if isinstance(tree, list):
            return [self.value(item, depth + 1) for item in tree]
        if isinstance(tree, dict) and len(tree) == 1:
            ((tag, body),) = tree.items()
            if tag == "t" and isinstance(body, list):
                return tuple(self.value(item, depth + 1) for item in body)
            if tag == "d" and isinstance(body, dict):
                return {key: self.value(item, depth + 1) for key, item in body.items()}
            if tag == "o" and isinstance(body, str):
                return Opaque(body[:200])
            if tag == "T" and isinstance(body, list):
                return self.tensor(body)
        raise ProtocolError("the reply holds a value of no known kind")

    def tensor(self, body: list[Any]) -> torch.Tensor:
        name, shape, stride, offset, count, start, requires_grad, device = body
        sizes = [*shape, *stride, offset, count, start]
        if name not in DTYPES or type(device) is not str or any(type(n) is not int or n < 0 for n in sizes):
            raise ProtocolError("a tensor of the reply has no legal shape or dtype")
        dtype = DTYPES[name]
        if device == "meta":
            return torch.empty(shape, dtype=dtype, device="meta").requires_grad_(bool(requires_grad))
        end = start + count * _ITEMSIZE[name]
        if len(stride) != len(shape) or end > len(self.payload):
            raise ProtocolError("a tensor of the reply is longer than the bytes that came with it")
        empty = 0 in shape
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        if not empty and last >= count:
            raise ProtocolError("a tensor of the reply reaches past its storage")
        storage = torch.empty(0, dtype=dtype)
        if count:
            storage = torch.frombuffer(bytearray(self.payload[start:end]), dtype=dtype, count=count)
        tensor = storage.as_strided(shape, stride, 0 if empty else offset)
        if self.place and device != "cpu":
            tensor = tensor.to(device)
        if requires_grad and dtype.is_floating_point:
            tensor.requires_grad_()
        tensor.seen_on = device  # type: ignore[attr-defined]
        return tensor


def device_of(tensor: torch.Tensor) -> str:
    """Returns the type of the device on which a tensor lay when it was sent."""
    return str(getattr(tensor, "seen_on", tensor.device.type))
