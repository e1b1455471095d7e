"""Tile by tile: scores, their exponentials, and the readings that autograd has to follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dipole.kernels.equal_labels import EqualLabels
from dipole.kernels.gradients import Leaves, Trace, trace
from dipole.kernels.operands import Operands
from dipole.kernels.plan import Plan
from dipole.kernels.products import Dot
from dipole.kernels.program import Program
from dipole.kernels.readings import Reading
from dipole.kernels.reductions import LOG2E
from dipole.kernels.tile_values import TileValues
from dipole.kernels.tiles import Tile, tiles


class Seen(NamedTuple):
    """A tile as both passes see it; `output` is its score where autograd has to go through it."""

    known: TileValues
    leaves: Leaves
    traces: list[Trace]
    output: Tensor | None


class Scores:
    """The tiles of a pass."""

    def __init__(self, program: Program, operands: Operands, plan: Plan) -> None:
        self.program, self.operands, self.plan = program, operands, plan
        self.equal = EqualLabels(program.readings, operands, plan.size)
        self.powers = any(plan.bounded)
        # Nobody looks at the scores themselves: powers of 2, and no product with log2 e.
        self.alone = all(plan.bounded) and all(
            mask.function.support is not None
            for reading in program.readings
            for mask in reading.masks
        )
        self.dot: Dot | None = None
        if program.score.score is None:
            a, b = operands.row[0], operands.column[0]
            assert isinstance(program.score.temperature, float)
            self.dot = Dot(
                a,
                b,
                temperature=program.score.temperature,
                factor=LOG2E if self.alone else 1.0,
                bf16=plan.bf16,
            )

    def tiles(
        self, readings: Sequence[Reading], wanted: Sequence[bool], offsets: tuple[int, int]
    ) -> Iterator[Seen]:
        """Every tile; `readings` are followed, `wanted` says whose gradients are asked for."""
        for tile in tiles(*self.operands.size, self.plan.size, *offsets):
            local = self.operands.on(tile)
            leaves = Leaves(local, wanted, by_hand=self.dot is not None)
            score, powers, output = self._of(tile, leaves)
            known = TileValues(tile, local, score, powers, self.equal)
            yield Seen(known, leaves, trace(readings, known, leaves, follow=any(wanted)), output)

    def _of(self, tile: Tile, leaves: Leaves) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The scores, their exponentials (with `alone` one and the same tensor), the output."""
        if self.dot is None:
            with torch.set_grad_enabled(bool(leaves.tensors)):
                output = self.program.score(leaves.operands)
            return output.detach().contiguous(), None, output
        score = self.dot.scores(tile)
        if self.alone:
            score.exp2_()
            return score, score, None
        return score, (score * LOG2E).exp2_() if self.powers else None, None
