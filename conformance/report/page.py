"""Fills in the HTML templates: everything escaped, nothing loaded from elsewhere, no script runs but the page's own."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from conformance.report.text import clean, head, one_line
from conformance.report.words import MARKS, WORDS, budget

TEMPLATES = Path(__file__).parent / "templates"


def fill(template: str, **values: Any) -> str:
    """Returns a template filled in, with the page's own style and script, the only one that the browser will run."""
    script = _read("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = {"style": Markup(_read("style.css")), "script": Markup(script), "script_digest": digest}
    return _environment().get_template(template).render(**shared, **values)


@cache
def _environment() -> Environment:
    # Every template is a page or a part of one, whatever its name ends in: all are escaped.
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(clean=clean, head=head, one_line=one_line, budget=budget)
    made.globals.update(words=WORDS, marks=MARKS)
    return made


@cache
def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
