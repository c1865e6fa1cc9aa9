"""What Jupyter understands and Python does not, taken out line by line, so that line numbers stay true."""

from __future__ import annotations

import re

# Cell magics whose body is not Python of this namespace; the body of any other (%%time, %%capture) is.
_FOREIGN = re.compile(
    "bash|bigquery|cmd|cython|file|html|javascript|js|latex|markdown|perl|pypy|python2|R|ruby|script|sh|sql|svg|system"
    "|sx|writefile|writetemplate"
)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*")
_ASSIGNED = re.compile(r"(?P<target>\s*[A-Za-z_][\w.,\s\[\]'\"*]*?)\s*=\s*(?P<sign>[!%])(?P<command>.*)")
_LONG = 1000  # data pasted in as one line: the pattern above would take for ever on it
_TIMED = re.compile(r"(?P<indent>\s*)%time\s+(?P<code>\S.*)")
_RUN = re.compile(r"(?P<indent>\s*)%run\s+(?P<command>\S.*)")
# What Jupyter runs without a % as well.
_AUTOMAGIC = re.compile(r"(pip|conda|mamba|cd|ls|mkdir|rm|mv|cp|cat)\s+[^\s=(.,:\[].*")
_TOP_LEVEL = re.compile(r"(def|class|import|from|with|while|return)\b|@")
_TOKEN = re.compile(r"\"\"\"|'''|\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|#.*|[()\[\]{}]|\\$")


def without_magics(text: str) -> str:
    """Returns a cell with every magic, shell command and help request replaced in place, dedented if all is indented.

    ``x = !ls`` and ``%run x.py`` become calls of ``get_ipython()``, as in IPython itself; in a block, a removed line
    leaves ``pass``. Text that is valid Python already must not be passed through here.
    """
    lines = _dedented(text.split("\n"))
    first = next((number for number, line in enumerate(lines) if line.strip() and not _is_comment(line)), 0)
    magic = _CELL_MAGIC.fullmatch(lines[first])
    if magic is not None:
        if _FOREIGN.fullmatch(magic[1]):
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    return "\n".join(_replaced(lines))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _dedented(lines: list[str]) -> list[str]:
    """Takes away the indentation of the first line of code, as IPython does."""
    first = next((line for line in lines if line.strip() and not _is_comment(line)), "")
    indent = first[: len(first) - len(first.lstrip())]
    return [line.removeprefix(indent) for line in lines] if indent else lines


def _replaced(lines: list[str]) -> list[str]:
    """Walks the lines, knowing which of them begin a statement: a % inside brackets or a string is no magic."""
    result: list[str] = []
    quote, depth, continued, in_magic = "", 0, False, False
    for line in lines:
        if in_magic:
            result.append("")
            in_magic = line.rstrip().endswith("\\")
            continue
        if depth > 0 and not quote and _TOP_LEVEL.match(line):
            depth = 0  # an open bracket above is a mistake of its own
        if not quote and depth <= 0 and not continued:
            replacement = _replacement(line)
            if replacement is not None:
                result.append(replacement)
                in_magic = line.rstrip().endswith("\\")
                continue
        result.append(line)
        quote, depth, continued = _after(line, quote, max(depth, 0))
    return result


def _replacement(line: str) -> str | None:
    """Returns what stands for a line that is no Python; None leaves the line as it is."""
    stripped = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    if timed := _TIMED.fullmatch(line):
        return timed["indent"] + timed["code"]
    if run := _RUN.fullmatch(line):
        return f"{run['indent']}get_ipython().run_line_magic('run', {run['command']!r})"
    code = stripped.split("#")[0].rstrip()
    if stripped.startswith(("%", "!", "?")) or code.endswith("?") or _AUTOMAGIC.fullmatch(line):
        return f"{indent}pass" if indent else ""
    if len(line) < _LONG and (assigned := _ASSIGNED.fullmatch(line)):
        call = "getoutput" if assigned["sign"] == "!" else "run_line_magic"
        return f"{assigned['target']} = get_ipython().{call}({assigned['command'].rstrip(chr(92))!r})"
    return None


def _after(line: str, quote: str, depth: int) -> tuple[str, int, bool]:
    """Returns the open triple quote, the bracket depth and whether a backslash continues, after a line."""
    position, continued = 0, False
    while position < len(line):
        if quote:
            end = line.find(quote, position)
            if end < 0:
                return quote, depth, False
            position, quote = end + 3, ""
            continue
        token = _TOKEN.search(line, position)
        if token is None:
            break
        position = token.end()
        if token[0] in ('"""', "'''"):
            quote = token[0]
        elif token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
        continued = token[0] == "\\"
    return quote, depth, continued
