"""Text of the user's data on a terminal: it must not steer the terminal, nor stop the program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# Not printable by themselves, but parts of words and of emoji.
_JOINERS = "\u200c\u200d"


def plain(text: object) -> str:
    """A text on one line, blanks for what is not to be seen: escapes, line ends, bidi overrides.

    >>> plain("a\\x1b[2Jb\\n\\u202ec")
    'a [2Jb  c'
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() or c in _JOINERS else " " for c in line)


def short(value: Any) -> str:
    """A value on one line of at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def counted(count: int, what: str) -> str:
    """How many there are, in words.

    >>> counted(1, "row"), counted(1200, "query")
    ('1 row', '1,200 queries')
    """
    if count != 1:
        what = f"{what.removesuffix('y')}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what}"


def say(text: object, *, error: bool = False) -> None:
    """Print a line, `plain`, at once."""
    print(plain(text), file=sys.stderr if error else sys.stdout, flush=True)


def print_json(value: Any, indent: int | None = None) -> None:
    """Print json of ASCII characters alone: any terminal can show it, and none obeys it."""
    print(json.dumps(value, indent=indent))


def terminal(*, error: bool = False) -> Console:
    """A rich console for text of the user's data: no markup is read in it, all of it is `plain`."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Plain(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                if control is None and not text.isprintable():
                    text = "\n".join(map(plain, text.split("\n")))
                yield Segment(text, style, control)

    return Plain(stderr=error, markup=False, emoji=False, highlight=False)


def replace_what_cannot_be_shown() -> None:
    """Have stdout and stderr write `?` for characters that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
