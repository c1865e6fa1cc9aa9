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
import math
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

import torch

MAGIC = b"CNF1"
_HEAD = struct.Struct("!4sIQ")
# A hostile runner may announce any size; an honest observation is a few megabytes at most.
MAX_HEADER = 16 * 2**20
MAX_PAYLOAD = 64 * 2**20
# Deep nesting would exhaust the judge's stack; honest observations nest three or four levels.
MAX_DEPTH = 32
# A list that holds itself twice, 32 levels deep, would never end; an honest observation has some thousand parts.
MAX_PARTS = 200_000
# A text longer than this is cut by the judge: it would be shown, compared and put into reports.
LONGEST_TEXT = 20_000

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


# Looked up before a submission is read, which may put others in their place.
_plain_tensor = torch.Tensor.as_subclass
_layout_of = vars(torch._C.TensorBase)["layout"].__get__
_dtype_of = vars(torch._C.TensorBase)["dtype"].__get__
_no_torch_function = torch._C.DisableTorchFunctionSubclass


class ProtocolError(Exception):
    """What came over the wire is not a message of this protocol."""


class TooLarge(ValueError):
    """A value that is too large to be sent: more than any honest observation holds."""


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
    """Returns ``value`` (plain data, tensors, ``Strided``) as one message.

    Raises:
        TooLarge: it is more than a message may hold; nothing of that size was made to find out.
    """
    writer = _Writer()
    header = json.dumps(writer.tree(value, 0), separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(header) > MAX_HEADER:
        raise TooLarge(f"a message of {len(header)} characters; at most {MAX_HEADER} can be sent")
    payload = b"".join(writer.blobs)
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


def receive(sock: socket.socket, seconds: float | None = None, *, place: bool = True) -> Any:
    """Returns the next message; ``place`` as in ``decode``. Descriptors that come beside it are closed by the kernel.

    Args:
        sock: a stream.
        seconds: time for the whole message, however it trickles in; None for no limit.
        place: whether tensors go to the device that they name.

    Raises:
        EOFError: the other side has gone.
        ProtocolError: what came is not a message.
        TimeoutError: the time ran out.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    return _rest(sock, _read(sock, _HEAD.size, deadline), deadline, place)


def receive_with_fds(sock: socket.socket) -> tuple[Any, list[int]]:
    """Returns the next message and the file descriptors that came with it; for the runner, which waits for ever."""
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
    return _rest(sock, head, None, True), fds


def _rest(sock: socket.socket, head: bytes, deadline: float | None, place: bool) -> Any:
    magic, header_size, payload_size = _HEAD.unpack(head)
    if magic != MAGIC or header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
        raise ProtocolError("the reply is not a message of the runner")
    header = _read(sock, header_size, deadline)
    return decode(header, _read(sock, payload_size, deadline), place=place)


def _read(sock: socket.socket, size: int, deadline: float | None) -> bytes:
    chunks = bytearray(size)
    view, done = memoryview(chunks), 0
    while done < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the message did not come to its end in time")
            sock.settimeout(left)
        count = sock.recv_into(view[done:])
        if not count:
            raise EOFError("the other side has gone" + (" in the middle of a message" if done else ""))
        done += count
    return bytes(chunks)


class _Writer:
    """Turns values into the JSON of one message, and what tensors hold into its payload."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []
        self.size = 0
        self.parts = 0

    def tree(self, value: Any, depth: int) -> Any:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise TooLarge(f"an object of more than {MAX_PARTS} parts; that is more than can be sent")
        if value is None or type(value) in (bool, int, float, str):
            return value
        if issubclass(type(value), float):
            return float.__pos__(value)  # as NumPy's float64 is one; the number itself, whatever its class makes of it
        if depth > MAX_DEPTH:
            return {"o": "too deeply nested"}
        if type(value) is list:
            return [self.tree(item, depth + 1) for item in value]
        if type(value) is tuple:
            return {"t": [self.tree(item, depth + 1) for item in value]}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"d": {key: self.tree(item, depth + 1) for key, item in value.items()}}
        # Not isinstance, which asks the value for its class and believes what it says.
        if issubclass(type(value), torch.Tensor):
            return self.tensor(value)
        if type(value) is Strided:
            start = self.append(value.storage)
            name = DTYPE_NAMES[value.storage.dtype]
            geometry = [list(value.shape), list(value.stride), value.offset, value.storage.numel(), start]
            return {"T": [name, *geometry, value.requires_grad, value.device]}
        if type(value) is Opaque:
            return {"o": value.type_name}
        kind = type(value)
        return {"o": f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__qualname__}

    def tensor(self, value: torch.Tensor) -> Any:
        """Writes a tensor by what it holds, whatever its class or its attributes would say of it."""
        with _no_torch_function():
            layout, dtype = _layout_of(value), _dtype_of(value)
            if layout is not torch.strided or dtype not in DTYPE_NAMES:
                return {"o": f"a {layout} tensor of {dtype}"}
            tensor = _plain_tensor(value, torch.Tensor)
        plain = tensor.detach()
        shape, stride, count, start = list(plain.shape), [], 0, 0
        if plain.device.type != "meta":
            # Before anything is copied: an expanded tensor may have more entries than there is memory.
            self.room_for(plain)
            packed = plain.cpu().resolve_neg().contiguous()
            stride, count, start = list(packed.stride()), packed.numel(), self.append(packed.reshape(-1))
        name, device = DTYPE_NAMES[plain.dtype], plain.device.type
        return {"T": [name, shape, stride, 0, count, start, tensor.requires_grad, device]}

    def room_for(self, tensor: torch.Tensor) -> None:
        """Raises TooLarge if a tensor's entries would not fit into the message."""
        size = math.prod(tensor.shape) * tensor.element_size()
        if self.size + size > MAX_PAYLOAD:
            raise TooLarge(f"a tensor of shape {tuple(tensor.shape)}, {size:.3g} bytes, is more than can be sent")

    def append(self, flat: torch.Tensor) -> int:
        self.room_for(flat)
        start = self.size
        # A single entry counts as contiguous whatever its stride, which a view of its bytes would refuse.
        packed = flat.as_strided((flat.numel(),), (1,), flat.storage_offset())
        self.blobs.append(packed.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
        self.size += len(self.blobs[-1])
        return start


class _Reader:
    """Turns the JSON of one message back into values, over its payload."""

    def __init__(self, payload: bytes, place: bool) -> None:
        self.payload = payload
        self.place = place

    def value(self, tree: Any, depth: int) -> Any:
        if depth > MAX_DEPTH + 1:
            raise ProtocolError("the reply is nested too deeply")
        if tree is None or isinstance(tree, bool | int | float):
            return tree
        if isinstance(tree, str):
            return tree if self.place else tree[:LONGEST_TEXT]
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
        if name not in DTYPES or type(device) is not str or {*map(type, sizes)} != {int} or min(sizes) < 0:
            raise ProtocolError("a tensor of the reply has no legal shape or dtype")
        dtype = DTYPES[name]
        if device == "meta":
            return torch.empty(shape, dtype=dtype, device="meta").requires_grad_(bool(requires_grad))
        end = start + count * _ITEMSIZE[name]
        if len(stride) != len(shape) or end > len(self.payload):
            raise ProtocolError("a tensor of the reply is longer than the bytes that came with it")
        empty = 0 in shape
        if not self.place and math.prod(shape) != count:
            raise ProtocolError("a tensor of the reply has another number of entries than came with it")
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        if not empty and last >= count:
            raise ProtocolError("a tensor of the reply reaches past its storage")
        if count:
            storage = torch.frombuffer(bytearray(self.payload[start:end]), dtype=dtype, count=count)
        else:
            storage = torch.empty(0, dtype=dtype)
        # No view of the storage: a leaf that autograd made is none, and views may not be detached in place.
        tensor = torch.empty(0, dtype=dtype).set_(storage.untyped_storage(), 0 if empty else offset, shape, stride)
        if self.place and device != "cpu":
            tensor = tensor.to(device)
        if requires_grad and dtype.is_floating_point:
            tensor.requires_grad_()
        tensor.seen_on = device  # type: ignore[attr-defined]
        return tensor


def device_of(tensor: torch.Tensor) -> str:
    """Returns the type of the device on which a tensor lay when it was sent."""
    return str(getattr(tensor, "seen_on", tensor.device.type))
