"""Two directions of links made one: intersection, union, and what grows between them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from dipole.aligning.words.links import Link, Links
from dipole.errors import InputError
from dipole.lookup import nearest

# Neighbours of a link as (target, source) steps, in Moses' order; the last four are diagonal.
_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
METHODS = (
    "forward", "reverse", "intersect", "union", "grow-diag", "grow-diag-final",
    "grow-diag-final-and",
)  # fmt: skip


def symmetrise(forward: Links, reverse: Links, method: str = "grow-diag-final-and") -> Links:
    """One set of links of the links of both directions, as Moses makes it.

    - `forward`, `reverse`: one direction alone.
    - `intersect`, `union`: links of both, of either.
    - `grow-diag`: from the intersection, again and again links of the union that touch a link (at a
      side or a corner), if one of their two words has none yet.
    - `grow-diag-final`: then the links left of forward, and of reverse, if one of their words has
      none.
    - `grow-diag-final-and`: then those of which neither word has one.

    Links are walked in the order of target and source words, those added on the way included.

    Args:
        forward: at most one source word for a target word, as aligners of p(target | source) give.
        reverse: at most one target word for a source word. Both as (source, target).

    Raises:
        InputError: no such method.

    Source: Koehn, Och, Marcu 2003, Statistical Phrase-Based Translation; Moses, symal.

    Example:
        >>> sorted(symmetrise(frozenset({(0, 0), (0, 1)}), frozenset({(0, 0)}), "grow-diag"))
        [(0, 0), (0, 1)]
    """
    if method not in METHODS:
        raise InputError(f"symmetrise: found {method!r}; {nearest(method, METHODS)}")
    if method in ("forward", "reverse"):
        return forward if method == "forward" else reverse
    if method == "intersect":
        return forward & reverse
    if method == "union":
        return forward | reverse
    found = _grown(set(forward & reverse), forward | reverse)
    if method != "grow-diag":
        _finish(found, (forward, reverse), both=method.endswith("-and"))
    return frozenset(found)


def _grown(found: set[Link], union: Links) -> set[Link]:
    """Links with those of the union that they reach."""
    sources, targets = {i for i, _ in found}, {j for _, j in found}
    is_growing = True
    while is_growing:
        is_growing = False
        walk = [(j, i) for i, j in found]
        heapq.heapify(walk)
        while walk:
            at = heapq.heappop(walk)
            for down, right in _NEIGHBOURS:
                j, i = at[0] + down, at[1] + right
                if (i, j) in found or (i, j) not in union or (i in sources and j in targets):
                    continue
                found.add((i, j))
                sources.add(i)
                targets.add(j)
                is_growing = True
                if (j, i) > at:  # one that is behind is walked in the next round
                    heapq.heappush(walk, (j, i))
    return found


def _finish(found: set[Link], directions: Sequence[Links], *, both: bool) -> None:
    sources, targets = {i for i, _ in found}, {j for _, j in found}
    for links in directions:
        for j, i in sorted((j, i) for i, j in links):
            free = (i not in sources, j not in targets)
            if (i, j) not in found and (all(free) if both else any(free)):
                found.add((i, j))
                sources.add(i)
                targets.add(j)
