"""What the statistics send back to the scores of one tile, and to learnable operands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dipole.kernels.kept_pairs import Keep
from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.readings import Grads, Reading, Results, Use, piece_of, share
from dipole.kernels.reductions import Gradient
from dipole.kernels.tile_values import TileValues
from dipole.kernels.tiles import Tile


class Leaves:
    """A tile's operands as leaves for autograd."""

    def __init__(self, local: Operands, wanted: Sequence[bool], *, by_hand: bool) -> None:
        """`wanted` as `local.flat()`; `by_hand`: rows and columns themselves need no autograd."""
        skip = {0, len(local.row)} if by_hand else set()
        flat = local.flat()
        self.numbers = [k for k, asked in enumerate(wanted) if asked and k not in skip]
        for k in self.numbers:
            flat[k] = flat[k].detach().requires_grad_()
        self.operands = Operands.fill(local.layout, flat) if self.numbers else local
        self.tensors = [flat[k] for k in self.numbers]

    def pull(
        self, output: Tensor | None, above: Tensor, into: Sequence[Tensor | None], tile: Tile
    ) -> None:
        """The gradient of an output of theirs."""
        if output is not None and output.requires_grad:
            found = torch.autograd.grad(
                output, self.tensors, above, allow_unused=True, retain_graph=True
            )
            self.take(found, into, tile)

    def take(
        self, found: Iterable[Tensor | None], into: Sequence[Tensor | None], tile: Tile
    ) -> None:
        """Their gradients, to where they belong."""
        rows, columns, shared = self.operands.layout
        for k, grad in zip(self.numbers, found, strict=True):
            sink = into[k]
            if grad is None or sink is None:
                continue
            if k < rows:
                sink = tile.of_rows(sink)
            elif k < rows + columns:
                sink = tile.of_columns(sink)
            elif k >= rows + columns + shared:
                sink = sink[tile.rows, tile.columns]
            sink.add_(grad)


class Trace(NamedTuple):
    """A reading on a tile, computed under autograd from a leaf of its own that holds the scores."""

    reading: Reading
    keep: Keep | None
    leaf: Tensor
    values: Tensor
    weight: Tensor | None


def trace(
    readings: Sequence[Reading], known: TileValues, leaves: Leaves, *, follow: bool
) -> list[Trace]:
    """The readings that take part in this tile; without `follow` there will be no way back."""
    found = []
    for reading in readings:
        keep = known.keep(reading)
        if keep is Extent.NONE:
            continue
        with torch.set_grad_enabled(follow):
            leaf = known.score.detach().requires_grad_(follow)
            values = reading.values(leaf, leaves.operands, known.tile)
            weight = known.weight(reading, keep, leaf, leaves.operands)
        found.append(Trace(reading, keep, leaf, values, weight))
    return found


def traced_gradient(
    traces: Sequence[Trace],
    leaves: Leaves,
    tile: Tile,
    results: Results,
    grads: Grads,
    into: Sequence[Tensor | None],
) -> Iterator[Tensor]:
    """The gradient at the scores, trace by trace, each a new tensor; the operands' to `into`."""
    for reading, keep, leaf, values, weight in traces:
        uses = [use for use in reading.uses if use.key in grads]
        takers = [t for t in (values, weight) if t is not None and t.requires_grad]
        if not uses or not takers:
            continue
        parts = [_of_use(use, tile, values, keep, weight, results, grads) for use in uses]
        above = []
        if values.requires_grad:
            above.append(_sum([part.values for part in parts], values))
        if weight is not None and weight.requires_grad:
            above.append(_sum([part.weight for part in parts], weight))
        at_score, *found = torch.autograd.grad(
            takers, [leaf, *leaves.tensors], above, allow_unused=True, retain_graph=True
        )
        leaves.take(found, into, tile)
        if at_score is not None:
            # A modifier may have an infinite slope at a pair that does not take part (a distance
            # to itself, say), and 0 * inf is nan.
            yield at_score if keep is None else keep.fill_(at_score.contiguous(), 0)


def plain_gradient(
    readings: Sequence[Reading], known: TileValues, results: Results, grads: Grads
) -> Iterator[Tensor]:
    """The gradient at the scores of a tile, use by use, each a new tensor."""
    for reading in readings:
        uses = [use for use in reading.uses if use.key in grads]
        keep = known.keep(reading) if uses else Extent.NONE
        if keep is not Extent.NONE:
            for use in uses:
                part = _of_use(use, known.tile, known.score, keep, None, results, grads).values
                if part is not None:
                    yield part


def _of_use(
    use: Use,
    tile: Tile,
    values: Tensor,
    keep: Keep | None,
    weight: Tensor | None,
    results: Results,
    grads: Grads,
) -> Gradient:
    """What one use sends back to a tile, laid out as the tile."""
    key = use.key
    result, index = results[key]
    learnt = weight is not None and weight.requires_grad
    weight = None if weight is None else weight.detach()
    found = use.reduction.gradient(
        piece_of(use, tile, values.detach(), keep, weight, learnt),
        share(result, use, tile),
        None if index is None else share(index, use, tile),
        share(grads[key], use, tile),
    )
    return Gradient(*(None if t is None else t.reshape(values.shape) for t in found))


def _sum(parts: Iterable[Tensor | None], like: Tensor) -> Tensor:
    """A new tensor."""
    there = [part for part in parts if part is not None]
    if len(there) == 1:
        return there[0]
    return torch.stack(there).sum(0) if there else torch.zeros_like(like)
