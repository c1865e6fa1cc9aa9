"""Tells what torch cannot do on the meta device from what should not be done there."""

from __future__ import annotations

from conformance.engine.session import Trouble

# Errors of torch on the meta device that say that the code looked at a value, which is legal wherever there is one.
_VALUE_READ = (
    "meta tensors", "meta tensor", "data-dependent", "no data", "Meta backend", "'Meta'", "nonzero", "is_nonzero",
    "tensor to numpy", "Meta tensors", "Tensor.__format__",
)  # fmt: skip
# Errors of torch that name what it has for every device but meta: generators, autocast, sparse and nested tensors.
_NOT_ON_META = (
    "META device type not an accelerator", "unsupported scalarType", "'SparseMeta'", "'SparseCsrMeta'",
    "privateuseone but got meta", "'meta' device type", "'torch.meta'", "cannot pin 'Meta",
)  # fmt: skip


def not_for_meta(trouble: Trouble) -> str | None:
    """Returns why an exception on the meta device says nothing against the code; None if it does."""
    if trouble.kind != "error" or trouble.raised:
        return None
    if any(text in trouble.text for text in _VALUE_READ):
        return "it reads values, which the meta device does not have"
    if any(text in trouble.text for text in _NOT_ON_META):
        return "it uses what torch does not have on the meta device"
    return None
