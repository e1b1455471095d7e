"""Several processes: each meets its own rows with everybody's columns, gathered here.

A row's statistics are complete where the row lives. A column's statistics are partial on every
process: the parts go home to the column's process and are merged there (log-sum-exps by
log-sum-exp, sums by sum, ...). All of it is differentiable pieces put together, see `collectives`
for the rule. Each tile is computed once in the whole job, for both directions.
"""

from __future__ import annotations

from dipole.kernels.collectives import Shards, gather, scatter, stack
from dipole.kernels.executors.dense import dense
from dipole.kernels.executors.tiled import tiled
from dipole.kernels.operands import Operands
from dipole.kernels.program import Program
from dipole.kernels.readings import ALL, COLUMN, ROW, Results
from dipole.kernels.settings import SMALL


def gathered(program: Program, operands: Operands, place: Shards) -> Results:
    """Statistics of this process's rows and columns against everybody's."""
    sizes = place.column_sizes
    everybody = Operands(
        operands.row,
        [gather(t, sizes) for t in operands.column],
        operands.shared,
        operands.grid,
    )
    results = _here(program, everybody, place)
    for use in program.uses:
        key = use.key
        value, index = results[key]
        if use.direction == COLUMN:
            places = None if index is None else scatter(index, sizes)
            results[key] = use.reduction.merge(scatter(value, sizes), places)
        elif use.direction == ALL:
            results[key] = use.reduction.merge(stack(value), None)
    return results


def replicated(program: Program, operands: Operands, place: Shards) -> Results:
    """The columns are the same everywhere and stay; only what sums over rows must meet."""
    results = _here(program, operands, place)
    for use in program.uses:
        key = use.key
        value, index = results[key]
        if use.direction != ROW:
            places = None if index is None else stack(index)
            results[key] = use.reduction.merge(stack(value), places)
    return results


def _here(program: Program, operands: Operands, place: Shards) -> Results:
    # The same choice everywhere: collectives must meet in the same order in the backward pass.
    run = dense if place.largest <= SMALL else tiled
    return run(program, operands, place.row_offset)
