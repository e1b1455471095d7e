"""A relation as the engine's masks and weights.

total(weight=positives(r))    sum_j W_ij l_ij
count(weight=positives(r))    sum_j W_ij
lse(mask=candidates(r))       over every candidate that takes part
lse(mask=negatives(r))        over the negatives alone
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dipole.kernels.modifiers import INDEX, Extent, Mask, Weight
from dipole.relations import Relation, Rule, Where


def positives(relation: Relation) -> Weight:
    """W_ij, and 0 where the pair is dropped."""

    def weight(strength: Tensor, *dropped: Tensor) -> Tensor:
        for out in dropped:
            strength = strength * ~out
        return strength

    rules = (relation.positive, *relation.dropped)
    return Weight(
        _apply(rules, weight),
        **_operands(rules),
        support=_support(rules[:1], rules),
        outside=Extent.NONE,
    )


def candidates(relation: Relation) -> Mask:
    """Every pair that is not dropped."""
    return _none_of(relation.dropped)


def negatives(relation: Relation) -> Mask:
    """Every pair that is not dropped and not positive."""
    return _none_of((*relation.dropped, relation.positive))


def _none_of(rules: tuple[Rule, ...]) -> Mask:
    def keep(*tiles: Tensor) -> Tensor:
        out = tiles[0] != 0
        for tile in tiles[1:]:
            out = out | (tile != 0)
        return ~out

    return Mask(
        _apply(rules, keep),
        **_operands(rules),
        support=_support(rules, rules),
        outside=Extent.ALL,
    )


def _support(which: tuple[Rule, ...], rules: tuple[Rule, ...]) -> list[tuple[int, int]] | None:
    """Where some of `which` can hold, by operand numbers of a function made of `rules`."""
    support, row, column = [], 1, 1  # number 0 is INDEX
    for rule in rules:
        if rule in which:
            if rule.where is Where.ANYWHERE:
                return None
            support.append((0, 0) if rule.where is Where.DIAGONAL else (row, column))
        row, column = row + len(rule.row), column + len(rule.column)
    return support


def _operands(rules: tuple[Rule, ...]) -> dict[str, Any]:
    return {
        "row": (INDEX, *(t for rule in rules for t in rule.row)),
        "column": (INDEX, *(t for rule in rules for t in rule.column)),
        "grid": tuple(t for rule in rules for t in rule.grid),
    }


def _apply(rules: tuple[Rule, ...], combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Hand each rule its own share of the operands, then combine what they say."""
    rows = sum(len(rule.row) for rule in rules)
    columns = sum(len(rule.column) for rule in rules)

    def fn(score: Tensor, i: Tensor, *operands: Tensor) -> Tensor:
        row = iter(operands[:rows])
        j = operands[rows]
        column = iter(operands[rows + 1 : rows + 1 + columns])
        grid = iter(operands[rows + 1 + columns :])
        tiles = [
            rule.fn(
                i,
                j,
                *(next(row) for _ in rule.row),
                *(next(column) for _ in rule.column),
                *(next(grid) for _ in rule.grid),
            )
            for rule in rules
        ]
        return combine(*tiles) if tiles else torch.ones_like(score, dtype=torch.bool)

    return fn
