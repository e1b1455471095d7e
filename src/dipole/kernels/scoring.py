"""The scores of one tile at a time, and their exponentials."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels.operands import Operands
from dipole.kernels.plan import Plan
from dipole.kernels.products import Dot
from dipole.kernels.program import Program
from dipole.kernels.reductions import LOG2E, exp_
from dipole.kernels.tiles import Tile


class Scores:
    """The scores of one tile at a time, and their exponentials where some view is bounded."""

    def __init__(self, program: Program, operands: Operands, plan: Plan) -> None:
        self.program = program
        self.powers = any(plan.bounded)
        # Nobody looks at the scores themselves: powers of 2, and no product with log2 e.
        self.alone = all(plan.bounded) and all(
            mask.function.support is not None for view in program.views for mask in view.masks
        )
        self.dot: Dot | None = None
        if program.score.score is None:
            a, b = operands.row[0], operands.column[0]
            self.dot = Dot(a, b, factor=LOG2E if self.alone else 1.0, bf16=plan.bf16)

    def on(
        self, tile: Tile, local: Operands, kept: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Scores and exponentials of a tile, from what `keep` kept if it did.

        With `alone` the two are one and the same tensor.
        """
        if self.dot is None:
            with torch.set_grad_enabled(any(t.requires_grad for t in local.flat())):
                return self.program.score(local), None
        score = self.dot.scores(tile) if kept is None else kept
        if self.alone:
            return (score, score) if kept is not None else (score.exp2_(), score)
        return score, exp_(score.clone()) if self.powers else None

    def keep(self, score: Tensor, operands: Operands) -> Tensor | None:
        """A tile for the backward pass, where it is all there is and was a product."""
        return score if self.dot is not None and score.shape == operands.size else None
