"""Several processes, nothing gathered: the shards of columns travel around the ring.

After p steps a shard has met the rows of all p processes and is home again. What belongs to a
column travels with it: in the forward pass the running state of its statistics, in the backward
pass its statistics, their incoming gradients and the gradient found so far. So one trip gives
both directions, and a process holds two shards at most: O(b d) memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from dipole.kernels.collectives import Shards, stack
from dipole.kernels.double_backward import once
from dipole.kernels.operands import Operands
from dipole.kernels.passes import backward_pass, finish, forward_pass, start
from dipole.kernels.plan import make_plan, norms
from dipole.kernels.program import Program, fixed, flatten, unflatten
from dipole.kernels.readings import ALL, COLUMN, ROW, Results


def ring(program: Program, operands: Operands, place: Shards) -> Results:
    """Statistics of this process's rows and columns against everybody's."""
    flat = _Ring.apply(program, operands.layout, place, *operands.flat())
    return unflatten(program, flat)


def _travel(
    place: Shards, read: list[Tensor], written: list[Tensor]
) -> Iterator[tuple[slice, list[Tensor], list[Tensor]]]:
    """Each shard of columns in turn; what is only read moves on while the caller computes.

    After the last shard one more is given: this process's own, come home.
    """
    for step in range(len(place.column_sizes)):
        here, coming = _shard(place, step), _shard(place, step + 1)
        next_read, reading = _pass_on(place, read, coming.stop - coming.start)
        yield here, read, written
        next_written, writing = _pass_on(place, written, coming.stop - coming.start)
        for request in reading + writing:
            request.wait()
        read, written = next_read, next_written
    yield _shard(place, 0), read, written


def _shard(place: Shards, step: int) -> slice:
    """The columns that are here at a step, by their positions in the whole job."""
    owner = (place.rank + step) % len(place.column_sizes)
    first = sum(place.column_sizes[:owner])
    return slice(first, first + place.column_sizes[owner])


def _pass_on(
    place: Shards, tensors: list[Tensor], length: int
) -> tuple[list[Tensor], list[dist.Work]]:
    """Send to the process before, receive `length` columns from the one after."""
    processes = len(place.column_sizes)
    before, after = (place.rank - 1) % processes, (place.rank + 1) % processes
    received = [t.new_empty(length, *t.shape[1:]) for t in tensors]
    moves = [dist.P2POp(dist.isend, t.contiguous(), before) for t in tensors if t.numel()]
    moves += [dist.P2POp(dist.irecv, t, after) for t in received if t.numel()]
    return received, dist.batch_isend_irecv(moves) if moves else []


class _Ring(torch.autograd.Function):
    """Forward: one trip for the statistics. Backward: one trip for the gradients."""

    @staticmethod
    def forward(
        ctx: Any, program: Program, layout: tuple[int, int, int], place: Shards, *flat: Tensor
    ) -> tuple[Tensor | None, ...]:
        operands = Operands.fill(layout, [t.detach() for t in flat])
        a, b = operands.row[0], operands.column[0]
        longest = torch.tensor(norms(operands), dtype=torch.float64, device=a.device)
        dist.all_reduce(longest, dist.ReduceOp.MAX)
        n, m = sum(place.row_sizes), sum(place.column_sizes)
        plan = make_plan(program, operands, (float(longest[0]), float(longest[1])), n, m)
        states = start(program, plan, {ROW: len(a), ALL: 1}, a)
        of_columns = start(program, plan, {COLUMN: len(b)}, a)
        trip = _travel(place, operands.column, [t for state in of_columns.values() for t in state])
        for step, (shard, columns, moving) in enumerate(trip):
            parts = iter(moving)
            for key, state in of_columns.items():
                states[key] = [next(parts) for _ in state]
            if step < len(place.column_sizes):
                local = _on(shard, operands, columns)
                forward_pass(program, local, states, plan, (place.row_offset, shard.start))
        results = finish(program, plan, states)
        for use in program.uses:
            if use.direction == ALL:
                value, _ = results[ALL, use.slot]
                results[ALL, use.slot] = use.reduction.merge(stack(value), None)
        found = flatten(program, results)
        ctx.program, ctx.layout, ctx.place, ctx.plan = program, layout, place, plan
        ctx.save_for_backward(*flat, *found)
        ctx.mark_non_differentiable(*fixed(program, found))
        ctx.set_materialize_grads(False)
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *above: Tensor | None) -> tuple[Tensor | None, ...]:
        program, place, wanted = ctx.program, ctx.place, ctx.needs_input_grad[3:]
        flat = ctx.saved_tensors[: len(wanted)]
        operands = Operands.fill(ctx.layout, [t.detach() for t in flat])
        results = unflatten(program, ctx.saved_tensors[len(wanted) :])
        grads = {
            key: grad for key, (grad, _) in unflatten(program, above).items() if grad is not None
        }
        for key, grad in grads.items():
            if key[0] == ALL:  # everybody's loss depends on it
                grads[key] = grad.clone()
                dist.all_reduce(grads[key])
        into = [
            torch.zeros_like(t, memory_format=torch.contiguous_format) if asked else None
            for t, asked in zip(flat, wanted, strict=True)
        ]
        rows, columns, shared = ctx.layout
        mine = into[rows : rows + columns]
        # A column's statistics and their gradients are only read; its own gradient is written.
        keys = [key for key in grads if key[0] == COLUMN]
        about = [t for key in keys for t in (*results[key], grads[key]) if t is not None]
        trip = _travel(place, [*operands.column, *about], [t for t in mine if t is not None])
        with torch.no_grad():
            for step, (shard, read, written) in enumerate(trip):
                parts = iter(written)
                sinks = [None if t is None else next(parts) for t in mine]
                if step == len(place.column_sizes):
                    into[rows : rows + columns] = sinks
                    break
                parts = iter(read[columns:])
                for key in keys:
                    _, index = results[key]
                    results[key] = (next(parts), None if index is None else next(parts))
                    grads[key] = next(parts)
                backward_pass(
                    program,
                    _on(shard, operands, read[:columns]),
                    results,
                    grads,
                    [
                        *into[:rows],
                        *sinks,
                        *into[rows + columns : rows + columns + shared],
                        *(
                            None if t is None else t[:, shard]
                            for t in into[rows + columns + shared :]
                        ),
                    ],
                    ctx.plan,
                    (place.row_offset, shard.start),
                )
        return None, None, None, *once(into, [*flat, *above])


def _on(shard: slice, operands: Operands, columns: Sequence[Tensor]) -> Operands:
    """This process's rows against the shard that is here."""
    grid = [t[:, shard] for t in operands.grid]
    return Operands(operands.row, list(columns), operands.shared, grid)
