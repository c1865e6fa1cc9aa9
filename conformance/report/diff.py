"""Marks where two printed values differ, entry by entry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

_SPLIT = re.compile(r"(\s+|[\[\](){},=:])")

# Matching is quadratic; beyond this two values of different length are shown without marks.
TOKENS = 600

# With less than this share in common the two are different kinds of thing (an error, a tensor): marks say nothing.
ALIKE = 0.4


@dataclass(frozen=True)
class Piece:
    """A stretch of text, and whether it differs from the other side."""

    text: str
    differs: bool


def differing(got: str, expected: str) -> tuple[list[Piece], list[Piece]]:
    """Returns both texts in pieces, those marked that the other text does not have in the same place."""
    left, right = _SPLIT.split(got), _SPLIT.split(expected)
    if len(left) == len(right) and left[0] == right[0]:
        marks = [_plain(a) != _plain(b) for a, b in zip(left, right, strict=True)]
        return _pieces(left, marks), _pieces(right, marks)
    if max(len(left), len(right)) > TOKENS:
        return [Piece(got, False)], [Piece(expected, False)]
    ours, theirs = [_plain(token) for token in left], [_plain(token) for token in right]
    # Any two sentences share their blanks: only words tell how alike they are.
    some, others = ([token for token in side if token.strip()] for side in (ours, theirs))
    if SequenceMatcher(None, some, others, autojunk=False).ratio() < ALIKE:
        return [Piece(got, False)], [Piece(expected, False)]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    same_left = {block.a + i for block in blocks for i in range(block.size)}
    same_right = {block.b + i for block in blocks for i in range(block.size)}
    return (
        _pieces(left, [i not in same_left for i in range(len(left))]),
        _pieces(right, [i not in same_right for i in range(len(right))]),
    )


def _plain(token: str) -> str:
    """Returns a token as it is compared: blanks are all alike, and so are two ways to write a number (1e-8, 1e-08)."""
    try:
        return repr(float(token))
    except ValueError:
        return token if token.strip() else token and " "


def _pieces(tokens: list[str], marks: list[bool]) -> list[Piece]:
    pairs = [(token, mark and bool(token.strip())) for token, mark in zip(tokens, marks, strict=True) if token]
    return [Piece("".join(text for text, _ in run), mark) for mark, run in groupby(pairs, key=lambda pair: pair[1])]
