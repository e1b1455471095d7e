"""Which executor runs a call: by what was forced, by the number of processes, by size."""

from __future__ import annotations

from dipole.errors import InputError
from dipole.kernels.collectives import find_place, world
from dipole.kernels.executors.dense import dense
from dipole.kernels.executors.gathered import gathered, replicated
from dipole.kernels.executors.ring import ring
from dipole.kernels.executors.tiled import tiled
from dipole.kernels.operands import Operands
from dipole.kernels.program import Program
from dipole.kernels.readings import Results
from dipole.kernels.settings import SMALL, check_executor, settings

# Everybody's columns and their gradient in one process: beyond this many bytes the ring is kinder.
GATHER_BYTES = 2**30


def run(
    program: Program, operands: Operands, *, together: bool = True, executor: str | None = None
) -> Results:
    """Run the program where it belongs; `together` False says that the columns are replicated."""
    check_executor(executor)
    chosen = executor or settings().executor
    a, b = operands.row[0], operands.column[0]
    if chosen in ("dense", "tiled") or world()[1] == 1:
        _check_grids(operands, b.shape[0])
        if chosen is None:
            # Where autograd has to follow the scores anyway, letting it do all pays for longer.
            most = SMALL if all(reading.plain for reading in program.readings) else 4 * SMALL
            chosen = "dense" if a.shape[0] * b.shape[0] <= most else "tiled"
        return (dense if chosen == "dense" else tiled)(program, operands)
    place = find_place(len(a), len(b), a.device)
    if not together:
        _check_grids(operands, b.shape[0])
        return replicated(program, operands, place)
    columns = sum(place.column_sizes)
    _check_grids(operands, columns)
    if chosen is None:
        held = 2 * columns * b[0:1].nbytes
        chosen = "ring" if held > GATHER_BYTES else "gathered"
    return (ring if chosen == "ring" else gathered)(program, operands, place)


def _check_grids(operands: Operands, columns: int) -> None:
    """A grid has a row per row of this process and a column per column of the whole job."""
    wanted = len(operands.row[0]), columns
    for grid in operands.grid:
        if tuple(grid.shape) != wanted:
            raise InputError(f"grid: found shape {tuple(grid.shape)}, expected {wanted}")
