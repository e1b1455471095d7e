"""What a pass needs to know beside program and operands: tile size, precision, safe readings."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from dipole.kernels.operands import Operands
from dipole.kernels.program import Program
from dipole.kernels.readings import Reading
from dipole.kernels.reductions import LogSumExp
from dipole.kernels.settings import settings
from dipole.kernels.tiles import tile_size

# So many scores are kept from the forward to the backward pass, which is a matrix product less.
KEPT = 2**21


class Plan(NamedTuple):
    """`small`: all tiles together may be kept from the forward to the backward pass.

    `bounded[k]`: the k-th reading's exponentials cannot overflow (see `powers`).
    """

    size: tuple[int, int]
    bf16: bool
    small: bool
    bounded: tuple[bool, ...]

    def split(self, program: Program) -> tuple[list[Reading], list[Reading], list[Reading]]:
        """The bounded readings, the other plain ones, and those that autograd has to follow."""
        marked = list(zip(program.readings, self.bounded, strict=True))
        rest = [reading for reading, safe in marked if not safe]
        return (
            [reading for reading, safe in marked if safe],
            [reading for reading in rest if reading.plain],
            [reading for reading in rest if not reading.plain],
        )


def make_plan(
    program: Program, operands: Operands, longest: tuple[float, float], n: int, m: int
) -> Plan:
    """For n rows and m columns in the whole job, none longer than `longest` says."""
    terms = n * m if program.all else max(n, m)
    tiny = torch.finfo(operands.row[0].dtype).tiny
    room = -math.log(tiny) - math.log(max(terms, 1)) - 1
    score = program.score
    sharpest = longest[0] * longest[1]
    if isinstance(score.temperature, float):
        sharpest /= score.temperature
    safe = score.score is None and sharpest < room
    bounded = tuple(
        safe and reading.plain and all(isinstance(use.reduction, LogSumExp) for use in reading.uses)
        for reading in program.readings
    )
    chosen = settings()
    cells = 1 if score.score is None else score.score.cells(*score.tensors(operands))
    size = chosen.tile or tile_size(operands.row[0], operands.column[0], cells)
    bf16 = chosen.bf16 and operands.row[0].dtype is torch.float32
    return Plan(size, bf16, n * m * cells <= KEPT, bounded)


def norms(operands: Operands) -> tuple[float, float]:
    """max |q_i| and max |k_j|: their product bounds every dot product, before the temperature."""
    row, column = operands.row[0], operands.column[0]
    first = _longest(row)
    return first, first if column is row else _longest(column)


def _longest(vectors: Tensor) -> float:
    if not vectors.shape[0]:
        return 0.0
    return float(torch.linalg.vector_norm(vectors.flatten(1), dim=1).amax())
