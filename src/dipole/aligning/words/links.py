"""Word links and how they are written: `0-0 1-2`, source word and target word, counted from 0."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dipole.errors import InputError

Link = tuple[int, int]
Links = frozenset[Link]

_LINK = re.compile(r"(\d{1,9})([-p])(\d{1,9})", re.ASCII)


def written(links: Iterable[Link]) -> str:
    """The links of a sentence pair in Pharaoh format, by their source words.

    >>> written({(1, 2), (0, 0)})
    '0-0 1-2'
    """
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def read_links(line: str) -> tuple[Links, Links]:
    """(sure, possible) links of a line: `i-j` is sure, `ipj` possible; sure ones are possible too.

    Raises:
        InputError: something else in the line.

    >>> sure, possible = read_links("0-0 1p2")
    >>> sorted(sure), sorted(possible)
    ([(0, 0)], [(0, 0), (1, 2)])
    """
    sure, possible = set(), set()
    for text in line.split():
        found = _LINK.fullmatch(text)
        if found is None:
            raise InputError(f"found {text!r}; expected links as 0-0 (sure) or 0p0 (possible)")
        link = (int(found[1]), int(found[3]))
        possible.add(link)
        if found[2] == "-":
            sure.add(link)
    return frozenset(sure), frozenset(possible)


def swapped(links: Iterable[Link]) -> Links:
    """The same links seen from the other side."""
    return frozenset((target, source) for source, target in links)
