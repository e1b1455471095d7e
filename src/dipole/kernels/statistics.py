"""What one can ask about the rows, the columns or the whole of a score matrix.

Every statistic looks at the scores through its own modifiers, mask and weights:

    lse       log sum_{j in mask} w_ij exp(mod(l_ij))        -inf over nothing
    total     sum_{j in mask} w_ij mod(l_ij)                 0 over nothing
    count     sum_{j in mask} w_ij                           0 over nothing
    maximum   max_{j in mask} mod(l_ij)                      -inf over nothing
    minimum   min_{j in mask} mod(l_ij)                      +inf over nothing
    top       the k largest, in decreasing order             -inf where there are fewer than k

In `row=` the sum runs over a row's columns, in `column=` over a column's rows, in `all=` over
every pair (lse, total and count only). Statistics with the same modifiers, mask and weights share
their work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from dipole.errors import InputError
from dipole.kernels.modifiers import Mask, Modifier, TileFunction, Weight

F = TypeVar("F", bound=TileFunction)
Mods = Modifier | Callable[[Tensor], Tensor] | Sequence[Modifier | Callable[[Tensor], Tensor]]


@dataclass(frozen=True, eq=False)
class Statistic:
    """A reduction and the reading of the scores it reduces; made by the functions below."""

    kind: str
    mods: tuple[Modifier, ...] = ()
    masks: tuple[Mask, ...] = ()
    weights: tuple[Weight, ...] = ()
    k: int = 0


def lse(
    *,
    mod: Mods | None = None,
    mask: Mask | Sequence[Mask] | None = None,
    weight: Weight | Sequence[Weight] | None = None,
) -> Statistic:
    """log sum_j w_ij exp(mod(l_ij)) over the mask."""
    return Statistic("lse", _mods(mod), _all(mask, Mask), _all(weight, Weight))


def total(
    of: Mods | None = None,
    *,
    mask: Mask | Sequence[Mask] | None = None,
    weight: Weight | Sequence[Weight] | None = None,
) -> Statistic:
    """sum_j w_ij f(l_ij) over the mask, `f` any elementwise function: `total(softplus)`."""
    return Statistic("total", _mods(of), _all(mask, Mask), _all(weight, Weight))


def count(
    mask: Mask | Sequence[Mask] | None = None,
    weight: Weight | Sequence[Weight] | None = None,
) -> Statistic:
    """sum_j w_ij over the mask: how many, or how much weight."""
    return Statistic("count", (), _all(mask, Mask), _all(weight, Weight))


def maximum(
    *,
    mod: Mods | None = None,
    mask: Mask | Sequence[Mask] | None = None,
    place: bool = True,
) -> Statistic:
    """max_j mod(l_ij) over the mask, with the position where it is (-1 over nothing).

    `place=False` looks for no position: ten times as fast, and without a gradient.
    """
    return Statistic("maximum" if place else "peak", _mods(mod), _all(mask, Mask))


def minimum(
    *,
    mod: Mods | None = None,
    mask: Mask | Sequence[Mask] | None = None,
    place: bool = True,
) -> Statistic:
    """min_j mod(l_ij) over the mask, with the position where it is; `place` as in `maximum`."""
    return Statistic("minimum" if place else "trough", _mods(mod), _all(mask, Mask))


def top(k: int, *, mod: Mods | None = None, mask: Mask | Sequence[Mask] | None = None) -> Statistic:
    """The k largest mod(l_ij) over the mask, with their positions (-1 where there are none)."""
    if k < 1:
        raise InputError(f"top: k was {k}, expected at least 1")
    return Statistic("top", _mods(mod), _all(mask, Mask), k=k)


def _mods(given: Mods | None) -> tuple[Modifier, ...]:
    if given is None:
        return ()
    several = given if isinstance(given, Sequence) else (given,)
    return tuple(one if isinstance(one, Modifier) else Modifier(one) for one in several)


def _all(given: F | Sequence[F] | None, kind: type[F]) -> tuple[F, ...]:
    several = () if given is None else given if isinstance(given, Sequence) else (given,)
    for one in several:
        if not isinstance(one, kind):
            raise InputError(f"statistic: found a {type(one).__name__}, expected a {kind.__name__}")
    return tuple(several)
