"""Sees that a submission used the reference: records it, and lets the call through."""

from __future__ import annotations

from conformance.runner.guard.families import Family
from conformance.runner.guard.guard import Guard, install, paused
from conformance.runner.guard.ledger import Breach
from conformance.runner.guard.modules import reference_bases, reference_submodules

__all__ = ["Breach", "Family", "Guard", "install", "paused", "reference_bases", "reference_submodules"]
