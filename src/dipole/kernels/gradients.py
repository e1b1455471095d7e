"""What the statistics send back to the scores of one tile, and to learnable operands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.reductions import Gradient
from dipole.kernels.survey import Survey
from dipole.kernels.tiles import Tile
from dipole.kernels.views import Grads, Results, Use, View, piece_of, share


class Leaves:
    """A tile's operands as leaves for autograd, and where their gradients go."""

    def __init__(
        self, local: Operands, into: Sequence[Tensor | None], tile: Tile, *, by_hand: bool
    ) -> None:
        """`by_hand`: rows and columns themselves need no autograd."""
        rows, columns, shared = local.layout
        skip = {0, rows} if by_hand else set()
        flat, self.leaves, self.sinks = local.flat(), [], []
        for k, sink in enumerate(into):
            if sink is None or k in skip:
                continue
            flat[k] = flat[k].detach().requires_grad_()
            self.leaves.append(flat[k])
            if k < rows:
                sink = sink[tile.rows]
            elif k < rows + columns:
                sink = sink[tile.columns]
            elif k >= rows + columns + shared:
                sink = sink[tile.rows, tile.columns]
            self.sinks.append(sink)
        self.operands = Operands.fill(local.layout, flat)

    def add(self, output: Tensor, above: Tensor) -> None:
        """The gradient of one output, to the sinks."""
        if output.requires_grad and self.leaves:
            found = torch.autograd.grad(output, self.leaves, above, allow_unused=True)
            self.take(found)

    def take(self, found: Sequence[Tensor | None]) -> None:
        for sink, grad in zip(self.sinks, found, strict=True):
            if grad is not None:
                sink.add_(grad)


def plain_gradient(
    view: View,
    score: Tensor,
    local: Operands,
    tile: Tile,
    survey: Survey,
    results: Results,
    grads: Grads,
) -> Iterator[Tensor]:
    """The gradient at the scores of a tile, use by use, each a new tensor."""
    uses = [use for use in view.uses if use.key in grads]
    keep = view.keep(score, local, tile, survey) if uses else Extent.NONE
    if keep is not Extent.NONE:
        for use in uses:
            yield _of_use(use, tile, score, keep, None, results, grads).values


def modified_gradient(
    views: Sequence[View],
    score: Tensor,
    leaves: Leaves,
    tile: Tile,
    survey: Survey,
    results: Results,
    grads: Grads,
) -> Tensor | None:
    """The gradient at the scores of a tile, by autograd through the modifiers and weights."""
    outputs: list[Tensor] = []
    above: list[Tensor] = []
    with torch.enable_grad():
        leaf = score.requires_grad_()
        for view in views:
            uses = [use for use in view.uses if use.key in grads]
            keep = view.keep(score.detach(), leaves.operands, tile, survey) if uses else Extent.NONE
            if keep is Extent.NONE:
                continue
            values = view.values(leaf, leaves.operands, tile, keep)
            weight = view.weight(leaf, leaves.operands, tile)
            takers = [t for t in (values, weight) if t is not None and t.requires_grad]
            if not takers:
                continue
            with torch.no_grad():
                parts = [_of_use(use, tile, values, keep, weight, results, grads) for use in uses]
                if values.requires_grad:
                    outputs.append(values)
                    above.append(_sum([part.values for part in parts]))
                if weight is not None and weight.requires_grad:
                    outputs.append(weight)
                    above.append(_sum([part.weight for part in parts if part.weight is not None]))
        if not outputs:
            return None
        at_score, *found = torch.autograd.grad(
            outputs, [leaf, *leaves.leaves], above, allow_unused=True
        )
    leaves.take(found)
    return at_score


def _of_use(
    use: Use,
    tile: Tile,
    values: Tensor,
    keep: Tensor | None,
    weight: Tensor | None,
    results: Results,
    grads: Grads,
) -> Gradient:
    """What one use sends back to a tile, laid out as the tile."""
    key = use.key
    result, index = results[key]
    found = use.reduction.gradient(
        piece_of(use, tile, values, keep, weight),
        share(result, use, tile),
        None if index is None else share(index, use, tile),
        share(grads[key], use, tile),
    )
    at_weight = None if found.weight is None else found.weight.reshape(values.shape)
    return Gradient(found.values.reshape(values.shape), at_weight)


def _sum(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
