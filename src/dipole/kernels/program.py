"""From the statistics somebody asked for to what an executor runs: views, uses and operands.

A *view* is one way to look at the scores (modifiers, masks, weights); each of its *uses* is one
reduction of it along one direction. Statistics with the same view share its computation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from dipole.kernels.blocks import Score
from dipole.kernels.modifiers import INDEX, Extent, Operand, TileFunction
from dipole.kernels.reductions import REDUCTIONS, Piece, Reduction
from dipole.kernels.statistics import Statistic
from dipole.kernels.survey import Survey
from dipole.kernels.tiles import Tile

ROW, COLUMN, ALL = "row", "column", "all"
_POSITIONS = -1  # stands for INDEX among operand numbers

# (direction, slot) -> the result and, for maximum, minimum and top, where it is.
Results = dict[tuple[str, int], tuple[Tensor, Tensor | None]]
# The same for running states and for the gradients of results.
States = dict[tuple[str, int], list[Tensor]]
Grads = dict[tuple[str, int], Tensor]


class Use(NamedTuple):
    """One reduction of a view: along which direction, and where its result goes."""

    reduction: Reduction
    direction: str
    slot: int


@dataclass(frozen=True)
class Bound:
    """A tile function whose operands are numbers into the executor's lists."""

    function: TileFunction
    row: tuple[int, ...]
    column: tuple[int, ...]
    shared: tuple[int, ...]
    grid: tuple[int, ...]

    def __call__(self, score: Tensor, operands: Operands, tile: Tile) -> Tensor:
        device = score.device
        values = [
            _positions(tile.r0 + tile.row_offset, tile.r1 + tile.row_offset, device)[:, None]
            if number == _POSITIONS
            else _as_rows(operands.row[number])
            for number in self.row
        ]
        values += [
            _positions(tile.c0 + tile.column_offset, tile.c1 + tile.column_offset, device)[None]
            if number == _POSITIONS
            else _as_columns(operands.column[number])
            for number in self.column
        ]
        values += [operands.shared[number] for number in self.shared]
        values += [operands.grid[number] for number in self.grid]
        return self.function.fn(score, *values)


@dataclass
class View:
    """One way to look at the scores, and what is asked of it."""

    mods: tuple[Bound, ...]
    masks: tuple[Bound, ...]
    weights: tuple[Bound, ...]
    uses: list[Use] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """The scores as they are, on a set of pairs: the gradient needs no autograd."""
        return not self.mods and not self.weights

    def keep(
        self, score: Tensor, operands: Operands, tile: Tile, survey: Survey | None = None
    ) -> Tensor | Literal[Extent.NONE] | None:
        """The pairs that take part: a bool tile, None for all of them, NONE for none."""
        masks = list(self.masks)
        if survey is not None:
            extents = [survey.extent(bound, tile) for bound in (*self.masks, *self.weights)]
            if Extent.NONE in extents:
                return Extent.NONE
            known = zip(self.masks, extents, strict=False)
            masks = [bound for bound, extent in known if extent is Extent.SOME]
        kept: Tensor | None = None
        for bound in masks:
            one = bound(score, operands, tile)
            kept = one if kept is None else kept & one
        return None if kept is None else kept.expand_as(score)

    def values(self, score: Tensor, operands: Operands, tile: Tile, keep: Tensor | None) -> Tensor:
        """mod(score); where the mask is False the value is meaningless, its gradient exactly 0."""
        if self.mods and keep is not None and score.requires_grad:
            # A modifier may have an infinite slope at a pair that does not take part (a distance
            # to itself, say), and 0 * inf is nan: cut the way back there.
            score = torch.where(keep, score, score.detach())
        for bound in self.mods:
            score = bound(score, operands, tile)
        return score

    def weight(self, score: Tensor, operands: Operands, tile: Tile) -> Tensor | None:
        """The product of the weights, or None for 1."""
        product: Tensor | None = None
        for bound in self.weights:
            one = bound(score, operands, tile)
            product = one if product is None else product * one
        return None if product is None else product.to(score.dtype).expand_as(score)


@dataclass
class Operands:
    """The tensors of a call, by what they belong to. Row 0 and column 0 are the representations."""

    row: list[Tensor]
    column: list[Tensor]
    shared: list[Tensor]
    grid: list[Tensor]

    @property
    def size(self) -> tuple[int, int]:
        """(n, m)."""
        return self.row[0].shape[0], self.column[0].shape[0]

    def flat(self) -> list[Tensor]:
        return [*self.row, *self.column, *self.shared, *self.grid]

    @property
    def layout(self) -> tuple[int, int, int]:
        """How many row, column and shared tensors come first in `flat()`."""
        return len(self.row), len(self.column), len(self.shared)

    @staticmethod
    def fill(layout: tuple[int, int, int], flat: Sequence[Tensor]) -> Operands:
        """The inverse of `flat()`."""
        a, b, c = layout
        return Operands(
            list(flat[:a]),
            list(flat[a : a + b]),
            list(flat[a + b : a + b + c]),
            list(flat[a + b + c :]),
        )

    def on(self, tile: Tile) -> Operands:
        """What one tile sees of them."""
        if self.size == (tile.r1 - tile.r0, tile.c1 - tile.c0):
            return self
        return Operands(
            [t[tile.rows] for t in self.row],
            [t[tile.columns] for t in self.column],
            self.shared,
            [t[tile.rows, tile.columns] for t in self.grid],
        )


@dataclass
class BoundScore:
    """The score and temperature of a call, over numbered operands."""

    score: Score | None
    rows: int
    columns: int
    shared: tuple[int, ...] = ()
    temperature: tuple[str, int] | float = 1.0

    def tensors(self, operands: Operands) -> list[Tensor]:
        """What the score reads of the rows, then of the columns."""
        return [*operands.row[: self.rows], *operands.column[: self.columns]]

    def __call__(self, operands: Operands) -> Tensor:
        """One tile. The dot product's rows come already divided by the temperature."""
        if self.score is None:
            return operands.row[0] @ operands.column[0].t()
        shared = (operands.shared[number] for number in self.shared)
        tile = self.score.fn(*self.tensors(operands), *shared)
        if isinstance(self.temperature, float):
            return tile if self.temperature == 1 else tile / self.temperature
        kind, number = self.temperature
        return tile / (_as_rows(operands.row[number]) if kind == ROW else operands.shared[number])


@dataclass
class Program:
    """The views of one call; the operands travel beside it because executors replace them."""

    score: BoundScore
    views: list[View]
    row: tuple[Statistic, ...]
    column: tuple[Statistic, ...]
    all: tuple[Statistic, ...]

    def of(self, direction: str) -> tuple[Statistic, ...]:
        return {ROW: self.row, COLUMN: self.column, ALL: self.all}[direction]

    @property
    def uses(self) -> Iterable[Use]:
        return (use for view in self.views for use in view.uses)


def flatten(program: Program, results: Results) -> list[Tensor | None]:
    """Results as a flat list, for autograd."""
    return [part for use in program.uses for part in results[use.direction, use.slot]]


def unflatten(program: Program, flat: Sequence[Any]) -> dict[tuple[str, int], tuple[Any, Any]]:
    """The inverse of `flatten`."""
    return {
        (use.direction, use.slot): (flat[2 * k], flat[2 * k + 1])
        for k, use in enumerate(program.uses)
    }


def piece_of(
    use: Use, tile: Tile, values: Tensor, keep: Tensor | None, weight: Tensor | None
) -> Piece:
    """A tile laid out as a use's reduction wants it."""

    def along(tensor: Tensor) -> Tensor:
        return tensor.reshape(1, -1) if use.direction == ALL else tensor

    return Piece(
        along(values),
        None if keep is None else along(keep),
        None if weight is None else along(weight),
        0 if use.direction == COLUMN else 1,
        tile.row_offset + tile.r0 if use.direction == COLUMN else tile.column_offset + tile.c0,
    )


def share(tensor: Tensor, use: Use, tile: Tile) -> Tensor:
    """The part of a statistic's results (or state) that a tile touches."""
    if use.direction == ALL:
        return tensor
    return tensor[tile.rows if use.direction == ROW else tile.columns]


def compile_program(
    score: BoundScore,
    row: Sequence[Statistic],
    column: Sequence[Statistic],
    all: Sequence[Statistic],
    operands: Operands,
) -> Program:
    """Number the operands (appending them to `operands`) and share equal views."""
    views: dict[tuple[tuple[int, ...], ...], View] = {}
    numbers: dict[tuple[str, int], int] = {}

    def number(kind: str, tensors: list[Tensor], operand: Operand) -> int:
        if operand is INDEX:
            return _POSITIONS
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
            if key not in views:
                views[key] = View(
                    tuple(map(bind, statistic.mods)),
                    tuple(map(bind, statistic.masks)),
                    tuple(map(bind, statistic.weights)),
                )
            reduction = REDUCTIONS[statistic.kind](statistic.k)
            views[key].uses.append(Use(reduction, direction, slot))
    return Program(score, list(views.values()), tuple(row), tuple(column), tuple(all))


def _positions(start: int, stop: int, device: torch.device) -> Tensor:
    return torch.arange(start, stop, device=device)


def _as_rows(operand: Tensor) -> Tensor:
    return operand[:, None] if operand.dim() == 1 else operand


def _as_columns(operand: Tensor) -> Tensor:
    return operand[None] if operand.dim() == 1 else operand
