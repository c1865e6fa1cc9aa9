"""The text of a finding: complete, in order, and of bounded length."""

from __future__ import annotations

from conformance.report.message import finding_message, message_of
from conformance.report.model import SourceLine
from conformance.report.text import clean, head, one_line
from conformance.selftest.report.samples import half_done

PARTS = {
    "asked": "y = x @ W.T",
    "case": "x = torch.ones(2)\ny = layer(x)",
    "got": "tensor([1.])",
    "expected": "tensor([2.])",
    "bound": "1e-7",
    "suspect": "forgets the transpose",
}


def test_the_order_is_asked_case_got_expected_bound_suspect_lines() -> None:
    assert finding_message(**PARTS, lines=[SourceLine("cell 3, line 4", "  return x @ w")]) == (
        "Asked: y = x @ W.T\n"
        "Smallest case:\n    x = torch.ones(2)\n    y = layer(x)\n"
        "Got: tensor([1.])\n"
        "Expected: tensor([2.])\n"
        "Within: 1e-7\n"
        "Looks like: forgets the transpose\n"
        "Submission:\n    cell 3, line 4: return x @ w"
    )


def test_parts_that_are_not_there_leave_no_label() -> None:
    text = finding_message(asked="a", case="", got="b", expected="c", bound=None, suspect=None, lines=[])
    assert text == "Asked: a\nGot: b\nExpected: c"


def test_a_huge_value_does_not_make_a_huge_message() -> None:
    text = finding_message(**{**PARTS, "got": "9" * 10**7, "case": "x\n" * 10**6}, lines=[])
    assert len(text) < 100_000


def test_a_finding_without_a_message_gets_one_from_its_parts() -> None:
    row = next(row for row in half_done().findings() if row.message is None)
    assert message_of(row, "the sentence").startswith("Asked: the sentence\nGot: nn.init.xavier_uniform_ was called")


def test_clean_spells_out_what_would_act_on_a_terminal_and_keeps_the_rest() -> None:
    assert clean("a\tb\r\nc\x1b[0m\ud800 é 漢 😀") == "a\tb\nc\\x1b[0m\\ud800 é 漢 😀"


def test_cutting_says_how_much_is_left_out() -> None:
    assert clean("abcdef", 4) == "abcd… (2 more characters)"
    assert head("1\n2\n3\n4", 3) == "1\n2\n… (2 more lines)"
    assert one_line("\n  abcdef\nrest", 4) == "abc…"
