"""Which executor runs a call: by what was forced, by the number of processes, by size."""

from __future__ import annotations

from dipole.kernels.dense import dense
from dipole.kernels.program import Operands, Program, Results
from dipole.kernels.settings import check_executor, settings
from dipole.kernels.tiled import tiled

# Below this many scores the whole matrix fits the cache and plain autograd is as fast.
SMALL = 128 * 128


def run(
    program: Program, operands: Operands, *, replicated: bool = False, executor: str | None = None
) -> Results:
    """Run the program where it belongs."""
    check_executor(executor)
    chosen = executor or settings().executor or choose(operands, replicated)
    if chosen == "dense":
        return dense(program, operands)
    return tiled(program, operands)


def choose(operands: Operands, replicated: bool) -> str:
    """The executor of a call that nobody forced."""
    n, m = len(operands.row[0]), len(operands.column[0])
    return "dense" if n * m <= SMALL else "tiled"
