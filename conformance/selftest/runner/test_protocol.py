"""What is sent comes back as it was; what is no message is refused; what lies is not believed."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import struct
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.runner.protocol import (
    DTYPES,
    MAX_PAYLOAD,
    Opaque,
    ProtocolError,
    Strided,
    TooLarge,
    decode,
    device_of,
    encode,
    loads,
    receive,
    receive_with_fds,
    send,
)

HEAD = struct.Struct("!4sIQ")
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
    max_leaves=20,
)


def back(value: Any, *, place: bool = False) -> Any:
    """Returns a value as it arrives at the judge, or with ``place`` at the runner."""
    return loads(encode(value), place=place)


def same(a: object, b: object) -> bool:
    """Returns whether two plain values are equal, NaN to NaN and with the same types."""
    return repr(a) == repr(b)


@given(plain)
@settings(max_examples=200, deadline=None)
def test_plain_data_comes_back_as_it_was(value: object) -> None:
    assert same(back(value), value)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_come_back_bit_for_bit(name: str, shape: tuple[int, ...]) -> None:
    numbers = torch.arange(math.prod(shape)).reshape(shape) - 3
    tensor = numbers.to(DTYPES[name])
    got = back(tensor)
    assert got.dtype == tensor.dtype
    assert got.shape == tensor.shape
    assert torch.equal(got, tensor)


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_odd_numbers_come_back_bit_for_bit(name: str) -> None:
    tensor = torch.tensor([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e-45, 65504.0], dtype=DTYPES[name])
    assert torch.equal(back(tensor).view(torch.uint8), tensor.view(torch.uint8))


def test_layouts_come_back_by_value() -> None:
    base = torch.arange(24.0).reshape(4, 6)
    for tensor in (base.T, base[1:, ::2], base[2], torch.ones(()).expand(3, 4), base.flip(0), base[:, 3:3]):
        assert torch.equal(back(tensor), tensor)
    assert torch.equal(back(torch.tensor([1 + 2j]).conj().imag), torch.tensor([-2.0]))


def test_a_tensor_says_whether_it_requires_grad_and_where_it_lay() -> None:
    got = back([torch.ones(2, requires_grad=True), torch.ones(2, device="meta"), torch.nn.Parameter(torch.ones(2))])
    assert [tensor.requires_grad for tensor in got] == [True, False, True]
    assert [device_of(tensor) for tensor in got] == ["cpu", "meta", "cpu"]


def test_a_case_is_laid_out_as_it_was_asked() -> None:
    storage = torch.arange(10.0)
    case = Strided(storage, (2, 3), (1, 2), 3, requires_grad=True)
    got = back(case, place=True)
    assert got.stride() == (1, 2)
    assert got.storage_offset() == 3
    assert got.is_leaf
    assert got.requires_grad
    assert torch.equal(got.detach(), storage.as_strided((2, 3), (1, 2), 3))
    assert back(Strided(storage, (2, 3), (1, 2), 3, device="meta"), place=True).device.type == "meta"


def test_what_is_no_data_arrives_as_the_name_of_its_type() -> None:
    class Odd(list[int]):
        pass

    assert back(Odd([1])) == Opaque(f"{__name__}.{Odd.__qualname__}")
    assert back({1: 2}) == Opaque("dict")
    assert back(range(3)) == Opaque("range")
    assert isinstance(back(torch.ones(2).to_sparse()), Opaque)
    assert isinstance(back(torch.ones(2, dtype=torch.complex64)), Opaque)


def test_a_number_of_a_class_of_its_own_arrives_as_what_it_is() -> None:
    class Lying(float):
        def __float__(self) -> float:
            return 0.0

        def __pos__(self) -> float:
            return 0.0

    assert (type(back(Lying(2.5))), back(Lying(2.5))) == (float, 2.5)
    assert (type(back(np.float64(0.1))), back(np.float64(0.1))) == (float, 0.1)


class Claims:
    """Claims to be a tensor."""

    __class__ = torch.Tensor  # type: ignore[assignment]


class Agrees(torch.Tensor):
    """Answers every function of torch with zeros of another shape."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return torch.zeros(7)

    @property
    def shape(self) -> torch.Size:  # type: ignore[override]
        return torch.Size([7])


def test_what_lies_about_itself_is_taken_for_what_it_is() -> None:
    assert isinstance(back(Claims()), Opaque)
    honest = torch.tensor([1.0, 2.0])
    assert torch.equal(back(honest.as_subclass(Agrees)), honest)
    for name in ("detach", "cpu", "reshape", "numpy"):
        setattr(honest, name, lambda *args: torch.zeros(3))
    assert torch.equal(back(honest), torch.tensor([1.0, 2.0]))


def test_what_is_too_large_is_refused_before_it_is_made() -> None:
    for shape in ((10**6, 10**6), (MAX_PAYLOAD + 1,)):
        with pytest.raises(TooLarge, match="more than can be sent"):
            encode(torch.zeros((), dtype=torch.uint8).expand(*shape))
    third = torch.zeros((), dtype=torch.uint8).expand(MAX_PAYLOAD // 2)
    with pytest.raises(TooLarge):
        encode([third, third, third])
    graph: list[Any] = []
    for _ in range(30):
        graph = [graph, graph]
    with pytest.raises(TooLarge, match="parts"):
        encode(graph)


def test_nesting_ends_somewhere() -> None:
    nest: list[Any] = []
    nest.append(nest)
    assert "too deeply nested" in repr(back(nest))


@given(st.binary(max_size=200), st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_bytes_that_are_no_message_are_refused(header: bytes, payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(header, payload, place=False)


number = st.integers(-2, 9) | st.sampled_from([2**31, 2**62, 2**64]) | st.floats() | st.none() | st.text(max_size=2)
body = st.tuples(
    st.sampled_from([*DTYPES, "complex64", 3, None]),
    *(st.lists(number, max_size=3) | number for _ in range(2)),
    *(number for _ in range(3)),
    st.booleans() | number,
    st.sampled_from(["cpu", "meta", "cuda", "", 3]),
)
trees = st.recursive(
    body.map(lambda fields: {"T": list(fields)}) | number,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["t", "d", "o", "T", "x"]), inner),
    max_leaves=6,
)


@given(trees, st.binary(max_size=64))
@settings(max_examples=500, deadline=None)
def test_a_message_of_odd_parts_is_read_or_refused(tree: Any, payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(json.dumps(tree).encode(), payload, place=False)


def test_a_tensor_larger_than_its_bytes_is_refused() -> None:
    """One stored number in the shape of many would cost the judge the memory that it did not cost the sender."""
    for shape, stride in (([10**12], [0]), ([2, 2], [0, 1]), ([5], [1])):
        header = json.dumps({"T": ["float32", shape, stride, 0, 1, 0, False, "cpu"]}).encode()
        with pytest.raises(ProtocolError):
            decode(header, b"\0" * 4, place=False)


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"t":[' * 50_000, "9" * 100_000])
def test_deep_or_long_headers_do_not_end_the_judge(deep: str) -> None:
    with pytest.raises(ProtocolError):
        decode(deep.encode(), b"", place=False)


@pytest.mark.parametrize("head", [b"XXXX" + b"\0" * 12, HEAD.pack(b"CNF1", 2**32 - 1, 0), HEAD.pack(b"CNF1", 0, 2**63)])
def test_no_message_of_another_size_or_kind_is_waited_for(head: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(head)
        with pytest.raises(ProtocolError):
            receive(ours, 5.0)


def test_a_message_that_trickles_in_runs_out_of_time() -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def trickle() -> None:
        theirs.sendall(HEAD.pack(b"CNF1", 1000, 0))
        while not stop.wait(0.05):
            theirs.sendall(b" ")

    thread = threading.Thread(target=trickle)
    thread.start()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        receive(ours, 0.5)
    assert time.monotonic() - started < 5
    stop.set()
    thread.join()
    ours.close()
    theirs.close()


def test_descriptors_come_beside_a_message_and_the_judge_takes_none() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, open("/dev/null", encoding="ascii") as file:
        send(theirs, {"a": 1}, (file.fileno(),))
        value, fds = receive_with_fds(ours)
        assert value == {"a": 1}
        assert len(fds) == 1
        socket.close(fds[0])
        send(theirs, [2], (file.fileno(),))
        assert receive(ours, 5.0) == [2]
