"""Tile by tile in one process: the matrix never exists, the memory is O((n + m) d)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dipole.kernels.bounded import backward_bounded, bound, forward_bounded, is_bounded
from dipole.kernels.passes import backward_pass, forward_pass, start
from dipole.kernels.program import ALL, COLUMN, ROW, Operands, Program, Results
from dipole.kernels.second import once
from dipole.kernels.tiles import tile_size


def tiled(
    program: Program, operands: Operands, row_offset: int = 0, column_offset: int = 0
) -> Results:
    """Every statistic of the matrix of all rows against all columns."""
    offsets = row_offset, column_offset
    flat = _Tiled.apply(program, operands.layout, offsets, *operands.flat())
    return _unflatten(program, flat)


class _Tiled(torch.autograd.Function):
    """Forward: one pass for the statistics. Backward: one pass for the gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        program: Program,
        layout: tuple[int, int, int],
        offsets: tuple[int, int],
        *flat: Tensor,
    ) -> tuple[Tensor | None, ...]:
        operands = Operands.fill(layout, flat)
        a, b = operands.row[0], operands.column[0]
        size = tile_size(a, b)
        states = {
            **start(program, ROW, len(a), a),
            **start(program, COLUMN, len(b), a),
            **start(program, ALL, 1, a),
        }
        terms = len(a) * len(b) if program.all else max(len(a), len(b))
        ctx.fast = is_bounded(program, bound(a, b), terms, a.dtype)
        run = forward_bounded if ctx.fast else forward_pass
        run(program, operands, states, size, *offsets)
        results: list[Tensor | None] = []
        for use in program.uses:
            results.extend(use.reduction.finish(states[use.direction, use.slot]))
        ctx.program, ctx.layout, ctx.offsets, ctx.inputs = program, layout, offsets, len(flat)
        ctx.size = size
        ctx.save_for_backward(*flat, *results)
        ctx.mark_non_differentiable(*(t for t in results[1::2] if t is not None))
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *above: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        flat, results = saved[: ctx.inputs], _unflatten(ctx.program, saved[ctx.inputs :])
        operands = Operands.fill(ctx.layout, [t.detach() for t in flat])
        grads = {
            key: grad
            for key, (grad, _) in _unflatten(ctx.program, above).items()
            if grad is not None
        }
        into = [
            torch.zeros_like(t, memory_format=torch.contiguous_format) if wanted else None
            for t, wanted in zip(flat, ctx.needs_input_grad[3:], strict=True)
        ]
        with torch.no_grad():
            run = backward_bounded if ctx.fast else backward_pass
            run(
                ctx.program,
                operands,
                results,
                grads,
                into,
                ctx.size,
                *ctx.offsets,
            )
        return None, None, None, *once(into, [*flat, *above])


def _unflatten(program: Program, flat: Any) -> Results:
    return {
        (use.direction, use.slot): (flat[2 * k], flat[2 * k + 1])
        for k, use in enumerate(program.uses)
    }
