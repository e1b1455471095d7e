"""Tile by tile in one process: the matrix never exists, the memory is O((n + m) d)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dipole.kernels.double_backward import once
from dipole.kernels.operands import Operands
from dipole.kernels.passes import backward_pass, finish, forward_pass, start
from dipole.kernels.plan import make_plan, norms
from dipole.kernels.program import Program, fixed, flatten, unflatten
from dipole.kernels.readings import ALL, COLUMN, ROW, Results


def tiled(
    program: Program, operands: Operands, row_offset: int = 0, column_offset: int = 0
) -> Results:
    """Every statistic of the matrix of all rows against all columns."""
    offsets = row_offset, column_offset
    follow = torch.is_grad_enabled()
    flat = _Tiled.apply(program, operands.layout, offsets, follow, *operands.flat())
    return unflatten(program, flat)


class _Tiled(torch.autograd.Function):
    """Forward: one pass for the statistics. Backward: one pass for the gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        program: Program,
        layout: tuple[int, int, int],
        offsets: tuple[int, int],
        follow: bool,
        *flat: Tensor,
    ) -> tuple[Tensor | None, ...]:
        operands = Operands.fill(layout, [t.detach() for t in flat])
        a, (n, m) = operands.row[0], operands.size
        plan = make_plan(program, operands, norms(operands), n, m)
        states = start(program, plan, {ROW: n, COLUMN: m, ALL: 1}, a)
        wanted = ctx.needs_input_grad[4:] if follow and plan.small else ()
        ctx.kept = forward_pass(program, operands, states, plan, offsets, wanted)
        results = flatten(program, finish(program, plan, states))
        ctx.program, ctx.layout, ctx.offsets, ctx.plan = program, layout, offsets, plan
        ctx.save_for_backward(*flat, *results)
        ctx.mark_non_differentiable(*fixed(program, results))
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *above: Tensor | None) -> tuple[Tensor | None, ...]:
        program, wanted = ctx.program, ctx.needs_input_grad[4:]
        flat = ctx.saved_tensors[: len(wanted)]
        into = [
            torch.zeros_like(t, memory_format=torch.contiguous_format) if asked else None
            for t, asked in zip(flat, wanted, strict=True)
        ]
        grads = {
            key: grad for key, (grad, _) in unflatten(program, above).items() if grad is not None
        }
        with torch.no_grad():
            backward_pass(
                program,
                Operands.fill(ctx.layout, [t.detach() for t in flat]),
                unflatten(program, ctx.saved_tensors[len(wanted) :]),
                grads,
                into,
                ctx.plan,
                ctx.offsets,
                ctx.kept,
            )
        return None, None, None, None, *once(into, [*flat, *above])
