"""Which candidates are positive or negative for which anchor, and how strongly.

A relation says two things of anchor i and candidate j:

    W_ij >= 0     how strongly j is a positive of i (0: not at all)
    dropped       j is neither positive nor negative of i (a duplicate, i itself)

Every candidate that is not dropped takes part; those of them with W_ij = 0 are the negatives.
Both are small functions over vectors of the anchors and of the candidates, evaluated on one tile
at a time, so that a relation costs O(n) memory; positions count over all processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import torch
from torch import Tensor

from dipole.errors import InputError


class Where(Enum):
    """Outside of this a rule is False (or 0): a promise that makes most tiles free."""

    ANYWHERE = "anywhere"
    EQUAL = "row[0] = column[0]"
    DIAGONAL = "i = j"


@dataclass(frozen=True, eq=False)
class Rule:
    """`fn(i, j, *row, *column, *grid)` on a tile of b anchors and c candidates.

    i (b, 1) and j (1, c) are positions; a row vector (n,) arrives as (b, 1), (n, p) as (b, p); a
    column vector (m,) as (1, c), (m, p) as (c, p); a grid (n, m) as (b, c).
    """

    fn: Callable[..., Tensor]
    row: tuple[Tensor, ...] = ()
    column: tuple[Tensor, ...] = ()
    grid: tuple[Tensor, ...] = ()
    where: Where = Where.ANYWHERE


@dataclass(frozen=True, eq=False)
class Relation:
    """A rule for the positives (weights or bools) and, maybe, rules for who is dropped."""

    positive: Rule
    dropped: tuple[Rule, ...] = ()

    def without(self, rule: Rule) -> Relation:
        """The same positives with more pairs dropped."""
        return replace(self, dropped=(*self.dropped, rule))

    def without_self(self) -> Relation:
        """Anchors and candidates are the same rows: nobody is its own positive or negative."""
        return self.without(Rule(lambda i, j: i == j, where=Where.DIAGONAL))

    def without_duplicates(self, ids: Tensor, candidate_ids: Tensor | None = None) -> Relation:
        """Equal ids are never negatives of each other; an anchor's own candidate (i = j) stays."""
        ids, others = _vectors("ids", ids, candidate_ids)
        return self.without(
            Rule(
                lambda i, j, a, b: (a == b) & (i != j),
                row=(ids,),
                column=(others,),
                where=Where.EQUAL,
            )
        )


def diagonal() -> Relation:
    """The default: candidate i is the positive of anchor i, all others are negatives."""
    return Relation(Rule(lambda i, j: i == j, where=Where.DIAGONAL))


def same_label(labels: Tensor, candidate_labels: Tensor | None = None) -> Relation:
    """Candidates with the anchor's label are its positives, W_ij = 1[labels_i = labels_j]."""
    labels, others = _vectors("labels", labels, candidate_labels)
    return Relation(
        Rule(lambda i, j, a, b: a == b, row=(labels,), column=(others,), where=Where.EQUAL)
    )


def listed(positives: Tensor, ids: Tensor, weights: Tensor | None = None) -> Relation:
    """Each anchor lists the ids of its positives: W_ij = sum_p weights_ip 1[positives_ip = ids_j].

    positives (n, p) of ids, -1 where there are fewer; ids (m,) of the candidates, >= 0;
    weights (n, p), 1 by default.
    """
    if positives.dim() != 2:
        raise InputError(f"positives: found shape {tuple(positives.shape)}, expected (n, p)")
    strengths = torch.ones_like(positives, dtype=torch.float32) if weights is None else weights
    if strengths.shape != positives.shape:
        raise InputError(
            f"weights: found shape {tuple(strengths.shape)}, expected {tuple(positives.shape)}"
        )

    def weight(i: Tensor, j: Tensor, wanted: Tensor, strength: Tensor, ids: Tensor) -> Tensor:
        total = strength.new_zeros(len(wanted), ids.shape[1])
        for p in range(wanted.shape[1]):
            total = total + strength[:, p, None] * (wanted[:, p, None] == ids)
        return total

    return Relation(Rule(weight, row=(positives, strengths), column=(ids,)))


def targets(weights: Tensor) -> Relation:
    """Soft targets that exist as an (n, m) tensor, W = weights."""
    if weights.dim() != 2:
        raise InputError(f"weights: found shape {tuple(weights.shape)}, expected (n, m)")
    return Relation(Rule(lambda i, j, w: w, grid=(weights,)))


def function(
    fn: Callable[..., Tensor],
    row: tuple[Tensor, ...] = (),
    column: tuple[Tensor, ...] = (),
) -> Relation:
    """W_ij = fn(i, j, *row, *column) >= 0 on a tile, see `Rule` for the shapes.

    Example: a teacher's cosine as soft target, never as an n x m matrix:
        >>> import torch
        >>> teacher = torch.eye(3)
        >>> relation = function(lambda i, j, a, b: (a @ b.T).clamp_min(0), (teacher,), (teacher,))
    """
    return Relation(Rule(fn, tuple(row), tuple(column)))


def _vectors(name: str, first: Tensor, second: Tensor | None) -> tuple[Tensor, Tensor]:
    second = first if second is None else second
    for found in (first, second):
        if found.dim() != 1:
            raise InputError(f"{name}: found shape {tuple(found.shape)}, expected one dimension")
    return first, second
