"""How Linear, Embedding and Dropout go wrong."""

from __future__ import annotations
