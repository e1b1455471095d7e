"""From the statistics somebody asked for to what an executor runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dipole.kernels.blocks import Score
from dipole.kernels.modifiers import INDEX, Operand, TileFunction
from dipole.kernels.operands import Operands, as_rows
from dipole.kernels.readings import ALL, COLUMN, POSITIONS, ROW, Bound, Reading, Results, Use
from dipole.kernels.reductions import REDUCTIONS
from dipole.kernels.statistics import Statistic


@dataclass
class BoundScore:
    """The score and temperature of a call, over numbered operands.

    Of the dot product a learnt temperature, or one per row, has already divided the rows.
    """

    score: Score | None
    rows: int
    columns: int
    shared: tuple[int, ...] = ()
    temperature: tuple[str, int] | float = 1.0

    def tensors(self, operands: Operands) -> list[Tensor]:
        """What the score reads of the rows, then of the columns."""
        return [*operands.row[: self.rows], *operands.column[: self.columns]]

    def __call__(self, operands: Operands) -> Tensor:
        """One tile."""
        if self.score is None:
            tile = operands.row[0] @ operands.column[0].t()
        else:
            shared = (operands.shared[number] for number in self.shared)
            tile = self.score.fn(*self.tensors(operands), *shared)
        if isinstance(self.temperature, float):
            return tile if self.temperature == 1 else tile / self.temperature
        kind, number = self.temperature
        return tile / (as_rows(operands.row[number]) if kind == ROW else operands.shared[number])


@dataclass
class Program:
    """The readings of one call; the operands travel beside it because executors replace them."""

    score: BoundScore
    readings: list[Reading]
    row: tuple[Statistic, ...]
    column: tuple[Statistic, ...]
    all: tuple[Statistic, ...]

    def of(self, direction: str) -> tuple[Statistic, ...]:
        return {ROW: self.row, COLUMN: self.column, ALL: self.all}[direction]

    @property
    def uses(self) -> Iterable[Use]:
        return (use for reading in self.readings for use in reading.uses)

    @property
    def constants(self) -> list[tuple[str, int]]:
        """The keys of statistics that no gradient goes through."""
        return [
            use.key
            for reading in self.readings
            for use in reading.uses
            if not use.reduction.differentiable and not reading.weights
        ]


def flatten(program: Program, results: Results) -> list[Tensor | None]:
    """Results as a flat list, for autograd."""
    return [part for use in program.uses for part in results[use.key]]


def fixed(program: Program, flat: Sequence[Tensor | None]) -> list[Tensor]:
    """Those of `flatten` that have no gradient: positions, and statistics that are constants."""
    constants = program.constants
    values = (
        value
        for use, value in zip(program.uses, flat[::2], strict=True)
        if value is not None and use.key in constants
    )
    return [*values, *(index for index in flat[1::2] if index is not None)]


def unflatten(program: Program, flat: Sequence[Any]) -> dict[tuple[str, int], tuple[Any, Any]]:
    """The inverse of `flatten`."""
    return {use.key: (flat[2 * k], flat[2 * k + 1]) for k, use in enumerate(program.uses)}


def compile_program(
    score: BoundScore,
    row: Sequence[Statistic],
    column: Sequence[Statistic],
    all: Sequence[Statistic],
    operands: Operands,
) -> Program:
    """Number the operands (appending them to `operands`) and share equal readings."""
    readings: dict[tuple[tuple[int, ...], ...], Reading] = {}
    numbers: dict[tuple[str, int], int] = {}

    def number(kind: str, tensors: list[Tensor], operand: Operand) -> int:
        if operand is INDEX:
            return POSITIONS
        assert isinstance(operand, Tensor)
        if (kind, id(operand)) not in numbers:
            numbers[kind, id(operand)] = len(tensors)
            tensors.append(operand)
        return numbers[kind, id(operand)]

    def bind(function: TileFunction) -> Bound:
        return Bound(
            function,
            tuple(number(ROW, operands.row, t) for t in function.row),
            tuple(number(COLUMN, operands.column, t) for t in function.column),
            tuple(number("shared", operands.shared, t) for t in function.shared),
            tuple(number("grid", operands.grid, t) for t in function.grid),
        )

    for direction, statistics in ((ROW, row), (COLUMN, column), (ALL, all)):
        for slot, statistic in enumerate(statistics):
            key = tuple(
                tuple(map(id, functions))
                for functions in (statistic.mods, statistic.masks, statistic.weights)
            )
            if not statistic.mods and not statistic.weights:
                # Nothing to share but the masks, and log-sum-exps alone may go by `powers`.
                key = (*key, (statistic.kind == "lse",))
            if key not in readings:
                readings[key] = Reading(
                    tuple(map(bind, statistic.mods)),
                    tuple(map(bind, statistic.masks)),
                    tuple(map(bind, statistic.weights)),
                )
            reduction = REDUCTIONS[statistic.kind](statistic.k)
            readings[key].uses.append(Use(reduction, direction, slot))
    return Program(score, list(readings.values()), tuple(row), tuple(column), tuple(all))
