"""The two passes over the tiles: forward gathers, backward recomputes and differentiates.

Let a statistic of a view with values v_ij and weights w_ij have the result R and the incoming
gradient g. Its reduction gives g dR/dv_ij and g dR/dw_ij on a tile; autograd carries these through
the view's modifiers to the scores and to learnable operands. With G_ij the sum over all views at
the score l_ij of a dot product,

    d(rows) = G columns        d(columns) = G' rows.

Views without modifiers need no autograd; those that are log-sum-exps besides go by `powers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from dipole.kernels import plain_logsumexp
from dipole.kernels.gradients import plain_gradient, traced_gradient
from dipole.kernels.kept_pairs import Keep
from dipole.kernels.modified_scores import Grads, Results, States, View, piece_of, share
from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.plan import Plan
from dipole.kernels.program import Program
from dipole.kernels.scoring import Scores, Seen
from dipole.kernels.tiles import Tile


def start(program: Program, plan: Plan, sizes: Mapping[str, int], like: Tensor) -> States:
    """Empty states for every statistic of some directions, of as many results each."""
    return {
        use.key: plain_logsumexp.start(sizes[use.direction], like)
        if safe
        else use.reduction.start(sizes[use.direction], like)
        for view, safe in zip(program.views, plan.bounded, strict=True)
        for use in view.uses
        if use.direction in sizes
    }


def finish(program: Program, plan: Plan, states: States) -> Results:
    """Every statistic, from its state."""
    return {
        use.key: plain_logsumexp.finish(states[use.key])
        if safe
        else use.reduction.finish(states[use.key])
        for view, safe in zip(program.views, plan.bounded, strict=True)
        for use in view.uses
    }


def forward_pass(
    program: Program,
    operands: Operands,
    states: States,
    plan: Plan,
    offsets: tuple[int, int] = (0, 0),
    wanted: Sequence[bool] = (),
) -> tuple[Scores, list[Seen]] | None:
    """Let every tile of (rows x columns) pass by the states.

    `wanted`, laid out as `operands.flat()`, says which gradients will be asked for: then the tiles
    are returned, and the backward pass need not compute them again.
    """
    seen: list[Seen] = []
    bounded, plain, modified = plan.split(program)
    scores = Scores(program, operands, plan)
    for one in scores.tiles(modified, wanted, offsets):
        look = one.look
        if bounded:
            plain_logsumexp.add_powers(bounded, states, look)
        for view in plain:
            keep = look.keep(view)
            if keep is not Extent.NONE:
                _update(view, look.tile, look.score, keep, None, states)
        for view, keep, _, values, weight in one.traces:
            detached = None if weight is None else weight.detach()
            _update(view, look.tile, values.detach(), keep, detached, states)
        if wanted:
            seen.append(one)
    return (scores, seen) if wanted else None


def backward_pass(
    program: Program,
    operands: Operands,
    results: Results,
    grads: Grads,
    into: Sequence[Tensor | None],
    plan: Plan,
    offsets: tuple[int, int] = (0, 0),
    kept: tuple[Scores, list[Seen]] | None = None,
) -> None:
    """Add the gradient of every operand to `into`, laid out as `operands.flat()`.

    `kept` is what the forward pass returned.
    """
    bounded, plain, modified = plan.split(program)
    factor = plain_logsumexp.factors(bounded, results, grads)
    if kept is None:
        scores = Scores(program, operands, plan)
        asked = [view for view in modified if any(use.key in grads for use in view.uses)]
        seen: Iterable[Seen] = scores.tiles(asked, [sink is not None for sink in into], offsets)
    else:
        scores, seen = kept
    dot = scores.dot
    into_rows, into_columns = into[0], into[len(operands.row)]
    for look, leaves, traces, output in seen:
        tile = look.tile
        at_score = plain_logsumexp.powers_gradient(bounded, factor, look) if factor else None
        for part in (
            *plain_gradient(plain, look, results, grads),
            *traced_gradient(traces, leaves, tile, results, grads, into),
        ):
            at_score = part if at_score is None else at_score.add_(part)
        if at_score is None:
            continue
        if dot is None:
            leaves.pull(output, at_score, into, tile)
            continue
        at_score = dot.rounded(at_score)
        if into_rows is not None:
            dot.add_rows(into_rows, at_score, tile)
        if into_columns is not None:
            dot.add_columns(into_columns, at_score, tile)
    if dot is not None and into_columns is not None:
        dot.finish_columns(into_columns)


def _update(
    view: View,
    tile: Tile,
    values: Tensor,
    keep: Keep | None,
    weight: Tensor | None,
    states: States,
) -> None:
    """Show a view's values on a tile to all that is asked of it."""
    for use in view.uses:
        state = [share(t, use, tile) for t in states[use.key]]
        use.reduction.update(state, piece_of(use, tile, values, keep, weight))
