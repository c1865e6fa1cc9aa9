from pathlib import Path

from conformance.runner.loading import read_submission
from conformance.runner.loading.names import meant, torchs_own, uses

SUBMISSION = """
from torch import nn

def fan_in_fan_out(weight):
    return bound(weight), xavier_uniform_

def bound(weight):
    return helper(weight)

def helper(weight):
    return bound, fan_in_fan_out

def xavier_uniform_(weight):
    return bound(weight)

class MLP(nn.Module):
    def __init__(self):
        self.first = nn.Linear(1, 1)
        self.last = [kind for kind in (LayerNorm,)]

class LayerNorm:
    pass

def kaiming_uniform_(weight):
    return fan_in_fan_out(weight)

def kaiming_uniform_(weight):
    return weight
"""
ITEMS = ["fan_in_fan_out", "xavier_uniform_", "kaiming_uniform_", "MLP", "LayerNorm", "Linear", "Dropout"]


def test_what_an_item_uses_is_found_also_through_helpers(tmp_path: Path) -> None:
    path = tmp_path / "submission.py"
    path.write_text(SUBMISSION)
    assert uses(read_submission(str(path)), ITEMS) == {
        "fan_in_fan_out": ["xavier_uniform_"],
        "xavier_uniform_": ["fan_in_fan_out"],
        "kaiming_uniform_": [],  # the second definition is the one that is judged
        "MLP": ["LayerNorm"],  # nn.Linear is not the submission's
        "LayerNorm": [],
        "Linear": [],
        "Dropout": [],
    }


def test_a_name_that_is_almost_right_is_told(tmp_path: Path) -> None:
    path = tmp_path / "submission.py"
    path.write_text("class layer_norm: pass\ndef xavier_uniform_(weight): pass\nMyMLP = 1\nclass ResidualBlock: pass\n")
    source = read_submission(str(path))
    items = ["LayerNorm", "xavier_uniform_", "kaiming_uniform_", "MLP", "Residual"]
    assert [meant(source, item, items) for item in items[:1] + items[2:]] == ["layer_norm", None, None, "ResidualBlock"]


def test_what_is_only_imported_from_torch_is_torch_s_own(tmp_path: Path) -> None:
    path = tmp_path / "submission.py"
    path.write_text(
        "from torch.nn import *\nfrom torchvision.ops import MLP\nfrom mine import RMSNorm\n"
        "from torch import nn\nfrom torch.nn import Dropout\nclass Dropout(nn.Module): pass\nEmbedding = nn.Embedding\n"
    )
    names = ["Linear", "MLP", "RMSNorm", "Dropout", "Embedding"]
    assert torchs_own(read_submission(str(path)), names) == {"Linear", "MLP"}
