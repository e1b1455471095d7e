"""For the API pages: a doctest in a docstring is a block of code, below "Example:" or alone."""

from __future__ import annotations

import re
from typing import Any

import griffe

_START = re.compile(r"^(\s*)>>> ")


class Doctests(griffe.Extension):
    """Puts a fence around the lines of a docstring that begin with `>>>`, up to a blank line."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object that it reads."""
        if obj.docstring and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """The text with a fence around every doctest, and "Example:" as bold words, not as a box."""
    lines: list[str] = []
    indent: str | None = None  # of the doctest we are in
    for line in [*_plain(text).split("\n"), ""]:
        found = _START.match(line)
        if found and indent is None:
            indent = found[1]
            lines += ["", f"{indent}```pycon"]
        elif not line.strip() and indent is not None:
            lines.append(f"{indent}```")
            indent = None
        lines.append(line)
    return "\n".join(lines[:-1])


def _plain(text: str) -> str:
    """Text below a heading "Example:" moved to its heading's indent."""
    out: list[str] = []
    inside: int | None = None
    for line in text.split("\n"):
        if re.fullmatch(r"\s*Examples?:", line):
            inside = len(line) - len(line.lstrip())
            out += ["", f"{' ' * inside}**Example**", ""]
        elif inside is not None and line.strip() and not line.startswith(" " * (inside + 4)):
            inside = None
            out.append(line)
        else:
            out.append(line[4:] if inside is not None else line)
    return "\n".join(out)
