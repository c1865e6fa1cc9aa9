"""Bytes of a source file to text, whatever editor wrote them."""

from __future__ import annotations

import codecs
import io
import tokenize
from pathlib import Path

from conformance.runner.loading.source import UnreadableSubmission


def read_bytes(path: Path) -> bytes:
    """Returns a file's bytes.

    Raises:
        UnreadableSubmission: the file cannot be opened.
    """
    try:
        return path.read_bytes()
    except PermissionError:
        raise UnreadableSubmission(f"{path} may not be read: permission denied") from None
    except OSError as error:
        raise UnreadableSubmission(f"{path} cannot be read: {error.strerror or error}") from None


def decode(data: bytes, name: str) -> str:
    """Returns source text with ``\\n`` line ends: by its BOM, its coding line (PEP 263), as UTF-8, else as Latin-1.

    Raises:
        UnreadableSubmission: the bytes are no text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    elif b"\0" in data:
        raise UnreadableSubmission(f"{name} is a binary file, not Python or a notebook")
    else:
        text = _decode_python(data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode_python(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        # An unknown coding line, or an editor of the 90s: Latin-1 gives every byte some letter, and code is ASCII.
        return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
