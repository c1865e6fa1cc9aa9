"""What cross-entropy and a linear head give, and within what bound."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from conformance.numerics.bounded import Array, Bounded, as_array
from conformance.numerics.compare import close
from conformance.suite.classification.cases import HeadCase, LogitsCase


def logits_of(case: LogitsCase) -> torch.Tensor:
    """Returns the logits with the classes that are ruled out at -inf."""
    logits = case.logits.value.clone()
    out = torch.zeros(logits.shape, dtype=torch.bool)
    out[:, list(case.ruled_out)] = True
    out[torch.arange(len(out)), case.targets.value] = False
    return logits.masked_fill(out, -math.inf)


# A gradient this small beside the weights may be taken for zero, as LBFGS does with less than 1e-7, or be lost in the
# rounding of the weights.
VANISHING = 1e-6


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> Bounded:
    """Returns ``mean_b (logsumexp(z_b) - z_b[target])``, with the widest bound of the stable ways to get there.

    One shifts by the row's maximum throughout, as log-softmax does; another adds it to the logarithm before it
    subtracts the target's logit, and rounds at the size of the logits; a third goes from class to class with
    ``logaddexp``, and rounds so at each.
    """
    z, top, log_sum = _parts(logits)
    rows = np.arange(len(logits))
    at_target = z[rows, as_array(targets).astype(int)]
    shifted = log_sum - (at_target - top)
    summed = ((log_sum + top) - at_target).widened(_chained(z))
    with np.errstate(invalid="ignore"):  # where neither has a bound, neither is wider
        wider = np.nan_to_num(summed.bound - shifted.bound, posinf=math.inf)
    return shifted.widened(np.maximum(wider, 0)).mean()


def cross_entropy_gradient(logits: torch.Tensor, targets: torch.Tensor) -> Bounded:
    """Returns ``(softmax(z) - onehot(target)) / B``: to half of the digits, and the error of softmax on top."""
    z, top, log_sum = _parts(logits)
    classes = z.shape[1]
    log_p = z - (log_sum + top).widened(_chained(z)).reshape((-1, 1))
    p = log_p.exp()
    onehot = np.eye(classes)[as_array(targets).astype(int)]
    count = max(len(logits), 1)
    exact = torch.softmax(logits.double(), -1).numpy()
    half = Bounded.to_half_digits(torch.from_numpy((exact - onehot) / count), 1 / count, logits.dtype)
    return half.widened(p.bound / count)


def _chained(z: Bounded) -> Array:
    """Returns what ``logaddexp`` from class to class may lose in each row.

    Each of its steps rounds a result no larger than R = max |z| + log C, and terms below one on the way there.
    """
    classes = z.value.shape[1]
    largest = np.where(np.isfinite(z.value), np.abs(z.value), 0.0).max(-1, initial=0.0)
    return np.asarray(z.precision.gamma(classes) * (largest + math.log(max(classes, 1)) + 2))


def _parts(logits: torch.Tensor) -> tuple[Bounded, Bounded, Bounded]:
    """Returns the logits, the largest of each row, and the logarithm of the sum of the exponentials of the rest."""
    z = Bounded.exact(logits)
    top = Bounded.exact(logits.amax(-1))
    with np.errstate(all="ignore"):
        exponentials = (z - top.reshape((-1, 1))).exp()
    # exp(-inf) is zero, exactly.
    out = np.isneginf(z.value)
    bound = np.where(out, 0.0, exponentials.bound)
    log_sum = Bounded(exponentials.value, bound, z.precision).sum(-1).log()
    return z, top, log_sum


def linear(
    case: HeadCase, parameters: list[torch.Tensor], output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None, bool] | None:
    """Returns weight, bias and whether the weight is stored transposed, of a head that is one Linear; else None."""
    matrices = [p.detach() for p in parameters if p.ndim > 1]
    vectors = [p.detach() for p in parameters if p.ndim == 1]
    if len(matrices) != 1 or len(vectors) > 1 or any(len(v) != case.num_classes for v in vectors):
        return None
    bias = vectors[0] if vectors else None
    for weight, turned in ((matrices[0], False), (matrices[0].mT, True)):
        if tuple(weight.shape) == (case.num_classes, case.d_in):
            expected = affine(case.x.value, weight, bias)
            if expected.shape == tuple(output.shape) and not close(output, expected).violations:
                return weight, bias, turned
    return None


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> Bounded:
    """Returns ``x W^T + b``."""
    y = Bounded.exact(x) @ Bounded.exact(weight).transpose(0, 1)
    return y if bias is None else y + Bounded.exact(bias)


def affine_gradients(case: HeadCase, weight: torch.Tensor, bias: torch.Tensor | None) -> list[Bounded]:
    """Returns the gradients of ``sum(y * upstream)`` with respect to x, weight and bias."""
    assert case.upstream is not None
    up, x, w = as_array(case.upstream.value), as_array(case.x.value), as_array(weight)
    flat_up, flat_x = up.reshape(-1, up.shape[-1]), x.reshape(-1, x.shape[-1])
    found: list[tuple[Array, Array]] = [(up @ w, np.abs(up) @ np.abs(w))]
    found.append((flat_up.T @ flat_x, np.abs(flat_up.T) @ np.abs(flat_x)))
    if bias is not None:
        found.append((flat_up.sum(0), np.abs(flat_up).sum(0)))
    dtype = case.x.value.dtype
    return [Bounded.to_half_digits(torch.from_numpy(g), torch.from_numpy(size), dtype) for g, size in found]


def multiple_of_gradient(logits: torch.Tensor, targets: torch.Tensor, found: torch.Tensor) -> Bounded | None:
    """Returns the multiple of the gradient of cross-entropy that is nearest to what was found.

    None where this is no number, or where what rounding leaves of the gradient does not tell a multiple.
    """
    exact = cross_entropy_gradient(logits, targets)
    size = float(np.square(exact.value).sum())
    factor = float((as_array(found) * exact.value).sum()) / size if size else math.nan
    told = bool((np.abs(exact.value) > exact.bound).any())
    return exact * factor if told and math.isfinite(factor) else None


def in_batches(notes: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Returns the notes with those of parts of a batch of ``size`` as one: forwards between which nothing changed."""
    found: list[dict[str, Any]] = []
    for note in notes:
        if found and _of_one_batch(found[-1], note, size):
            last = found.pop()
            logits = torch.cat((last["logits"], note["logits"]))
            found.append({**last, "ids": last["ids"] + note["ids"], "logits": logits})
        else:
            found.append(note)
    return found


def _of_one_batch(a: dict[str, Any], b: dict[str, Any], size: int) -> bool:
    ids = [*a["ids"], *b["ids"]]
    alike = all(a[name] == b[name] for name in ("used", "training", "inner"))
    fitting = a["used"] and alike and len(ids) == len(set(ids)) <= size
    return bool(fitting and torch.equal(a["weight"], b["weight"]))


def updates(notes: list[dict[str, Any]]) -> list[int]:
    """Returns the places of the forwards that begin an update: those that a gradient came back from.

    An optimizer may ask for several forwards of a batch in one update (LBFGS, SAM): the first of them counts.
    """
    used = [place for place, note in enumerate(notes) if note["used"]]
    return [place for place in used if not (place - 1 in used and notes[place]["ids"] == notes[place - 1]["ids"])]


def changes(notes: list[dict[str, Any]], places: list[int]) -> list[bool]:
    """Returns, for each update that other images follow, whether they met other weights.

    Where the gradient is as good as zero, as it is of logits that have grown past all bounds, there is no need to.
    """
    found = []
    for place in places:
        least = VANISHING * max(1.0, float(notes[place]["weight"].abs().max()))
        if (gradients := notes[place]["gradients"]) and all(float(each.abs().max()) <= least for each in gradients):
            continue
        later = next((note for note in notes[place + 1 :] if note["ids"] != notes[place]["ids"]), None)
        if later is not None:
            found.append(bool((notes[place]["weight"] != later["weight"]).any()))
    return found
