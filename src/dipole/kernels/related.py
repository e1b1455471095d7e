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
from dipole.kernels.tiles import Tile
from dipole.relations import Relation, Rule


class _Positives(Weight):
    relation: Relation

    def extent(self, tile: Tile) -> Extent:
        nothing = self.relation.positive.on_diagonal and not tile.meets_diagonal
        return Extent.NONE if nothing else Extent.SOME


class _Candidates(Mask):
    relation: Relation
    reads_score = False

    def extent(self, tile: Tile) -> Extent:
        return _extent(self.relation.dropped, tile)


class _Negatives(Mask):
    relation: Relation
    reads_score = False

    def extent(self, tile: Tile) -> Extent:
        return _extent((*self.relation.dropped, self.relation.positive), tile)


def positives(relation: Relation) -> Weight:
    """W_ij, and 0 where the pair is dropped."""
    rules = (relation.positive, *relation.dropped)

    def weight(strength: Tensor, *dropped: Tensor) -> Tensor:
        for out in dropped:
            strength = strength * ~out
        return strength

    made = _Positives(_apply(rules, weight), **_operands(rules))
    object.__setattr__(made, "relation", relation)
    return made


def candidates(relation: Relation) -> Mask:
    """Every pair that is not dropped."""
    rules = relation.dropped
    made = _Candidates(_apply(rules, _none_of), **_operands(rules))
    object.__setattr__(made, "relation", relation)
    return made


def negatives(relation: Relation) -> Mask:
    """Every pair that is not dropped and not positive."""
    rules = (*relation.dropped, relation.positive)
    made = _Negatives(_apply(rules, _none_of), **_operands(rules))
    object.__setattr__(made, "relation", relation)
    return made


def _none_of(*tiles: Tensor) -> Tensor:
    out = tiles[0] != 0
    for tile in tiles[1:]:
        out = out | (tile != 0)
    return ~out


def _extent(out: tuple[Rule, ...], tile: Tile) -> Extent:
    free = all(rule.on_diagonal for rule in out) and not (out and tile.meets_diagonal)
    return Extent.ALL if free else Extent.SOME


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
        j = operands[rows]
        row = iter(operands[:rows])
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
