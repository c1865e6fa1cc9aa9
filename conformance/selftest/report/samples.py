"""Results as they come about in practice, to show on every face: conforming, half done, hostile, parity, broken."""

from __future__ import annotations

import math
from dataclasses import replace

from conformance.report.message import finding_message
from conformance.report.model import Entry, ItemResult, Level, PropertyResult, Result, SourceLine, Status, Unread, worst

EXERCISE_3 = [
    "Linear",
    "Embedding",
    "Dropout",
    "LayerNorm",
    "RMSNorm",
    "MLP",
    "FeedForward",
    "Residual",
    "cross_entropy_from_logits",
    "ClassificationHead",
    "train_classifier",
]
EXERCISE_2 = ["grad_with_autograd_grad", "RandomCropSequenceDataset", "adamw_step_", "xavier_uniform_"]

SAYS = {
    "layers.Linear.values": "y = x @ Wᵀ + b",
    "layers.Linear.own": "Do not use PyTorch reference modules for the parts you implement",
    "norm.LayerNorm.shape": "compute mean and variance over the last dimension",
    "norm.LayerNorm.formula": "normalize: (x - mean) / sqrt(var + eps)",
    "norm.LayerNorm.affine": "apply learnable per-feature scale and shift (weight, bias)",
    "norm.RMSNorm.formula": "x / sqrt(mean(x^2) + eps) over the last dimension",
    "optim.adamw_step_.update": "p = p - lr * (m_hat / (sqrt(v_hat) + eps) + weight_decay * p)",
    "optim.adamw_step_.nan": "NaN in a gradient reaches the parameter, as in torch.optim.AdamW",
}

ENVIRONMENT = {"torch": "2.13.0", "python": "3.11.7", "devices": ["cpu", "meta"], "sandbox": "bubblewrap"}

LAYER_NORM_CASE = "layer = LayerNorm(3, eps=0.01)\nx = torch.tensor([[0.0, 1.0, 5.0], [2.0, 2.0, 2.5]])\ny = layer(x)"
LAYER_NORM_REPRODUCER = f'''"""LayerNorm: normalize: (x - mean) / sqrt(var + eps)"""
import torch
from submission import LayerNorm

{LAYER_NORM_CASE}
expected = torch.tensor([[-0.9252, -0.4626, 1.3878], [-0.6468, -0.6468, 1.2937]])
print("got", y, "expected", expected, sep="\\n")
raise SystemExit(0 if torch.allclose(y, expected, rtol=0, atol=2.1e-06) else 1)
'''


def passed(item: str, what: str, seed: int = 0, level: Level = Level.EXERCISE) -> PropertyResult:
    """Returns a property that holds, with a spread of errors inside their bounds."""
    spread = [(1e-7 * 1.2**i, 1e-7 * 1.2**i * (0.05 + ((i * 37 + seed * 11) % 89) / 100)) for i in range(60)]
    area = "layers" if item == "Linear" else "area"
    return PropertyResult(
        id=f"{area}.{item}.{what}[float32]",
        item=item,
        requirement=f"{area}.{item}.{what}",
        level=level,
        status=Status.PASS,
        examples=100,
        comparisons=412,
        informative=398,
        budget_used=max(error / bound for bound, error in spread),
        spread=spread,
        seconds=0.21,
    )


def layer_norm_findings() -> list[PropertyResult]:
    """Returns what the learner's LayerNorm of the second exercise text gets wrong."""
    entries = [
        Entry("y[0, 0]", "-0.9211", "-0.9252", "2.1e-06"),
        Entry("y[0, 1]", "-0.4606", "-0.4626", "1.1e-06"),
        Entry("y[1, 2]", "1.3657", "1.2937", "2.9e-06"),
    ]
    lines = [SourceLine("cell 8, line 19", "        result = (x - layer_mean) / (layer_std + self.eps)")]
    formula = PropertyResult(
        id="norm.LayerNorm.forward[float32]",
        item="LayerNorm",
        requirement="norm.LayerNorm.formula",
        level=Level.EXERCISE,
        status=Status.WRONG,
        examples=14,
        comparisons=51,
        informative=50,
        budget_used=3.1e4,
        counterexample=LAYER_NORM_CASE,
        got="tensor([[-0.9211, -0.4606, 1.3817],\n        [-0.6829, -0.6829, 1.3657]])",
        expected="tensor([[-0.9252, -0.4626, 1.3878],\n        [-0.6468, -0.6468, 1.2937]])",
        entries=entries,
        lines=lines,
        reproducer=LAYER_NORM_REPRODUCER,
        suspect="adds eps outside the square root (37 of 37 cases)",
        spread=[(2e-7 * 1.3**i, 2e-7 * 1.3**i * (0.3 if i % 3 else 10.0 ** (i % 7))) for i in range(40)],
        seconds=0.34,
    )
    formula = replace(formula, message=message(formula))
    crash = replace(
        formula,
        id="norm.LayerNorm.leading_dims",
        requirement="norm.LayerNorm.shape",
        status=Status.CRASH,
        budget_used=None,
        counterexample="layer = LayerNorm(3)\nx = torch.zeros(2, 3)\ny = layer(x)",
        got="RuntimeError: The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1",
        expected="a tensor of shape (2, 3)",
        entries=[],
        suspect="takes the mean without keepdim=True",
        spread=[],
    )
    crash = replace(crash, message=message(crash))
    wide = replace(formula, id="norm.LayerNorm.forward[float64]")
    affine = replace(
        formula,
        id="norm.LayerNorm.gradients",
        requirement="norm.LayerNorm.affine",
        suspect=None,
        entries=entries[:1],
        spread=[],
    )
    return [crash, formula, wide, affine]


def message(row: PropertyResult) -> str:
    """Returns the message that the engine makes for a finding."""
    return finding_message(
        asked=SAYS[row.requirement],
        case=row.counterexample or "",
        got=row.got or "",
        expected=row.expected or "",
        bound=row.entries[0].bound if row.entries else None,
        suspect=row.suspect,
        lines=row.lines,
    )


def item(name: str, exercise: int, properties: list[PropertyResult], reason: str) -> ItemResult:
    """Returns an item whose status is the worst of its counted properties, or missing if it has none."""
    counted = [row.status for row in properties if row.level is not Level.PARITY]
    return ItemResult(name, exercise, worst(counted) if properties else Status.MISSING, reason, properties)


def right(name: str, exercise: int) -> ItemResult:
    """Returns an item that passes."""
    return item(name, exercise, [passed(name, what, seed) for seed, what in enumerate(("values", "grads"))], "")


def result(submission: str, items: list[ItemResult], level: Level = Level.EXERCISE) -> Result:
    """Returns a result of some items."""
    return Result(
        submission=submission,
        conforms=all(entry.status is Status.PASS for entry in items),
        seed=0,
        profile="standard",
        level=level,
        rules=True,
        environment=ENVIRONMENT,
        items={entry.name: entry for entry in items},
        seconds=14.2,
    )


def conforming() -> Result:
    """Returns the result of a complete and right submission, with the loss curve of its training run."""
    items = [right(name, 2) for name in EXERCISE_2] + [right(name, 3) for name in EXERCISE_3]
    curve = [2.3 * math.exp(-i / 120) + 0.25 + 0.12 * math.sin(i * 1.7) * math.exp(-i / 300) for i in range(600)]
    return replace(result("impl", items), extras={"loss_curve": curve})


def half_done() -> Result:
    """Returns the result of a learner's notebook with right, wrong and missing parts."""
    rms = replace(
        layer_norm_findings()[1],
        id="norm.RMSNorm.forward[float32]",
        item="RMSNorm",
        requirement="norm.RMSNorm.formula",
        counterexample="layer = RMSNorm(2, eps=0.25)\nx = torch.tensor([[0.5, -0.5]])\ny = layer(x)",
        got="tensor([[ 0.6667, -0.6667]])",
        expected="tensor([[ 0.7071, -0.7071]])",
        entries=[Entry("y[0, 0]", "0.6667", "0.7071", "3.4e-07"), Entry("y[0, 1]", "-0.6667", "-0.7071", "3.4e-07")],
        lines=[SourceLine("cell 9, line 14", "return (x / (torch.mean(x**2, dim=-1, keepdim=True)**0.5 + self.eps))")],
    )
    done = [right("Linear", 3), right("Embedding", 3), right("Dropout", 3)]
    rule = replace(
        passed("Linear", "own", level=Level.RULE),
        status=Status.RULE,
        got="nn.init.xavier_uniform_ was called",
        expected="no call of a reference module",
    )
    wrong = [
        item("LayerNorm", 3, [passed("LayerNorm", "eval"), *layer_norm_findings()], "crashes on x of shape (2, 3)"),
        item("RMSNorm", 3, [replace(rms, message=message(rms))], "looks like: adds eps outside the square root"),
    ]
    wrong[1] = replace(wrong[1], uses=["Linear", "LayerNorm"])
    almost = {"FeedForward": "not there; is it your Feed_Forward?"}
    absent_items = [item(name, 3, [], almost.get(name, "not there")) for name in EXERCISE_3[5:]]
    done[0] = item(
        "Linear", 3, [*done[0].properties, replace(rule, message=None)], "nn.init.xavier_uniform_ was called"
    )
    other = [item(name, 2, [], "not there") for name in EXERCISE_2]
    return replace(
        result("hw3.ipynb", [*other, *done, *wrong, *absent_items]),
        unread=[Unread(12, 3, "took longer than 5 s"), Unread(15, 1, "SyntaxError: '(' was never closed")],
        notes=["matplotlib.pyplot.show() was called 3 times and returned at once"],
    )


def hostile() -> Result:
    """Returns the result of a submission whose every string tries to break the page, the terminal or the file."""
    nasty = "</script><script>document.title='owned'</script>\" onclick='x' \x1b[31m\x1b]0;t\x07 \ud800 \u202e ]]> & |"
    row = replace(
        layer_norm_findings()[1],
        counterexample=f"x = {nasty!r}\n{nasty}",
        got=nasty + "9" * 300_000,
        expected="<b>1.0</b>",
        entries=[Entry(nasty, nasty, nasty, nasty)],
        lines=[SourceLine(nasty, nasty)],
        reproducer=f"# {nasty}\nprint('`' * 3, '```')\n",
        suspect=nasty,
        message=nasty,
        budget_used=math.inf,
        spread=[(0.0, 0.0), (1e-300, math.inf), (math.nan, 1.0), (1e-7, 0.0), (1e-7, 1e-5)],
    )
    items = [item("LayerNorm", 3, [row], nasty)]
    return replace(
        result(f"{nasty}.ipynb", items),
        unread=[Unread(None, 1, nasty)],
        notes=[nasty],
        extras={"loss_curve": [math.nan, math.inf, 2.0, 1.0]},
    )


def parity() -> Result:
    """Returns a conforming result with findings that do not count."""
    row = replace(
        layer_norm_findings()[1],
        id="optim.adamw_step_.nan[float32]",
        item="adamw_step_",
        requirement="optim.adamw_step_.nan",
        level=Level.PARITY,
        suspect=None,
        message=None,
        counterexample="p = torch.zeros(1)\ngrad = torch.tensor([float('nan')])",
        got="tensor([0.])",
        expected="tensor([nan])",
        entries=[Entry("p[0]", "0.0", "nan", "0")],
    )
    return result("norms.py", [right("Linear", 3), item("adamw_step_", 2, [passed("adamw_step_", "step"), row], "")])


def broken_judge() -> Result:
    """Returns a result in which the judge itself failed on an item."""
    row = replace(
        passed("Linear", "values"),
        status=Status.JUDGE_ERROR,
        comparisons=0,
        message="no comparison was made",
        spread=[],
    )
    return result("hw3.ipynb", [item("Linear", 3, [row], "no comparison was made"), right("Embedding", 3)])


SAMPLES = {
    "conforming": conforming,
    "half_done": half_done,
    "hostile": hostile,
    "parity": parity,
    "broken_judge": broken_judge,
}
