"""The two passes over the tiles: forward gathers, backward recomputes and differentiates.

Let a statistic of a view with values v_ij and weights w_ij have the result R and the incoming
gradient g. Its reduction gives g dR/dv_ij and g dR/dw_ij on a tile; autograd carries these through
the view's modifiers to the scores and to learnable operands. With G_ij the sum over all views at
the score l_ij of a dot product,

    d(rows) = G columns        d(columns) = G' rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dipole.kernels.modifiers import Extent
from dipole.kernels.program import ALL, ROW, Operands, Program, Results, Use, View, piece_of
from dipole.kernels.tiles import Tile, tiles

States = dict[tuple[str, int], list[Tensor]]
Grads = dict[tuple[str, int], Tensor]


def start(program: Program, direction: str, n: int, like: Tensor) -> States:
    """Empty states for every statistic of a direction, of n results each."""
    return {
        (use.direction, use.slot): use.reduction.start(n, like)
        for use in program.uses
        if use.direction == direction
    }


def forward_pass(
    program: Program,
    operands: Operands,
    states: States,
    size: tuple[int, int],
    row_offset: int = 0,
    column_offset: int = 0,
) -> None:
    """Let every tile of (rows x columns) pass by the states."""
    n, m = len(operands.row[0]), len(operands.column[0])
    for tile in tiles(n, m, size, row_offset, column_offset):
        local = operands.on(tile)
        score = program.score(local)
        for view in program.views:
            keep = view.keep(score, local, tile)
            if keep is Extent.NONE:
                continue
            values = view.values(score, local, tile, keep)
            weight = view.weight(score, local, tile)
            for use in view.uses:
                state = [_share(t, use, tile) for t in states[use.direction, use.slot]]
                use.reduction.update(state, piece_of(use, tile, values, keep, weight))


def backward_pass(
    program: Program,
    operands: Operands,
    results: Results,
    grads: Grads,
    into: Sequence[Tensor | None],
    size: tuple[int, int],
    row_offset: int = 0,
    column_offset: int = 0,
) -> None:
    """Add the gradient of every operand to `into`, laid out as `operands.flat()`."""
    n, m = len(operands.row[0]), len(operands.column[0])
    dot = program.score.score is None
    # A dot product's own operands need no autograd.
    by_hand = {0, len(operands.row)} if dot else set()
    for tile in tiles(n, m, size, row_offset, column_offset):
        local = operands.on(tile)
        leaves = [
            t if sink is None or k in by_hand else t.detach().requires_grad_()
            for k, (t, sink) in enumerate(zip(local.flat(), into, strict=True))
        ]
        wanted = [t for t in leaves if t.requires_grad]
        local = Operands.fill(local.layout, leaves)
        with torch.enable_grad():
            graph = program.score(local)
            score = graph.detach().requires_grad_()
            outputs = [
                output
                for view in program.views
                for output in _view_gradient(view, score, local, tile, results, grads)
            ]
        if not outputs:
            continue
        at_score, *at_wanted = torch.autograd.grad(
            [output for output, _ in outputs],
            [score, *wanted],
            [grad for _, grad in outputs],
            allow_unused=True,
        )
        if at_score is not None and dot:
            rows, columns = into[0], into[len(local.row)]
            if rows is not None:
                rows[tile.rows].addmm_(at_score, local.column[0])
            if columns is not None:
                columns[tile.columns].addmm_(at_score.t(), local.row[0])
        found: Sequence[Tensor | None] = at_wanted
        if at_score is not None and not dot and graph.requires_grad:
            through = torch.autograd.grad(graph, wanted, at_score, allow_unused=True)
            found = [_plus(a, b) for a, b in zip(found, through, strict=True)]
        grad_of = iter(found)
        for k, (leaf, sink) in enumerate(zip(leaves, into, strict=True)):
            if sink is not None and leaf.requires_grad:
                grad = next(grad_of)
                if grad is not None:
                    _sink_share(sink, k, local, tile).add_(grad)


def _view_gradient(
    view: View, score: Tensor, local: Operands, tile: Tile, results: Results, grads: Grads
) -> list[tuple[Tensor, Tensor]]:
    """The view's values and weights on a tile, each with the gradient that arrives there."""
    uses = [use for use in view.uses if (use.direction, use.slot) in grads]
    keep = view.keep(score.detach(), local, tile) if uses else Extent.NONE
    if keep is Extent.NONE:
        return []
    values = view.values(score, local, tile, keep)
    weight = view.weight(score, local, tile)
    at_values = torch.zeros_like(values)
    at_weight = torch.zeros_like(values)
    for use in uses:
        key = use.direction, use.slot
        result, index = results[key]
        piece = piece_of(
            use, tile, values.detach(), keep, None if weight is None else weight.detach()
        )
        grad = use.reduction.gradient(
            piece,
            _share(result, use, tile),
            None if index is None else _share(index, use, tile),
            _share(grads[key], use, tile),
        )
        at_values += grad.values.view_as(values)
        if grad.weight is not None:
            at_weight += grad.weight.view_as(values)
    outputs = [(values, at_values)]
    if weight is not None:
        outputs.append((weight, at_weight))
    return [(output, grad) for output, grad in outputs if output.requires_grad]


def _share(tensor: Tensor, use: Use, tile: Tile) -> Tensor:
    """The part of a statistic's results (or state) that a tile touches."""
    if use.direction == ALL:
        return tensor
    return tensor[tile.rows if use.direction == ROW else tile.columns]


def _sink_share(sink: Tensor, k: int, operands: Operands, tile: Tile) -> Tensor:
    """The part of the k-th operand's gradient that a tile adds to."""
    rows, columns, shared = operands.layout
    if k < rows:
        return sink[tile.rows]
    if k < rows + columns:
        return sink[tile.columns]
    return sink if k < rows + columns + shared else sink[tile.rows, tile.columns]


def _plus(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b
