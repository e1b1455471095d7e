"""The two passes over the tiles: forward gathers, backward recomputes and differentiates.

Let a statistic of a reading with values v_ij and weights w_ij have the result R and the incoming
gradient g. Its reduction gives g dR/dv_ij and g dR/dw_ij on a tile; autograd carries these through
the reading's modifiers to the scores and to learnable operands. With G_ij the sum over all
readings at the score l_ij of a dot product,

    d(rows) = G columns        d(columns) = G' rows.

Readings without modifiers need no autograd; those that are log-sum-exps besides go by
`plain_logsumexp`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from dipole.kernels import plain_logsumexp
from dipole.kernels.gradients import plain_gradient, traced_gradient
from dipole.kernels.kept_pairs import Keep
from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.plan import Plan
from dipole.kernels.program import Program
from dipole.kernels.readings import Grads, Reading, Results, States, piece_of, share
from dipole.kernels.scoring import Scores, Seen
from dipole.kernels.tiles import Tile


def start(program: Program, plan: Plan, sizes: Mapping[str, int], like: Tensor) -> States:
    """Empty states for every statistic of some directions, of as many results each."""
    return {
        use.key: plain_logsumexp.start(sizes[use.direction], like)
        if safe
        else use.reduction.start(sizes[use.direction], like)
        for reading, safe in zip(program.readings, plan.bounded, strict=True)
        for use in reading.uses
        if use.direction in sizes
    }


def finish(program: Program, plan: Plan, states: States) -> Results:
    """Every statistic, from its state."""
    return {
        use.key: plain_logsumexp.finish(states[use.key])
        if safe
        else use.reduction.finish(states[use.key])
        for reading, safe in zip(program.readings, plan.bounded, strict=True)
        for use in reading.uses
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
        known = one.known
        if bounded:
            plain_logsumexp.add_powers(bounded, states, known)
        for reading in plain:
            keep = known.keep(reading)
            if keep is not Extent.NONE:
                _update(reading, known.tile, known.score, keep, None, states)
        for reading, keep, _, values, weight in one.traces:
            detached = None if weight is None else weight.detach()
            _update(reading, known.tile, values.detach(), keep, detached, states)
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
        asked = [reading for reading in modified if any(use.key in grads for use in reading.uses)]
        seen: Iterable[Seen] = scores.tiles(asked, [sink is not None for sink in into], offsets)
    else:
        scores, seen = kept
    dot = scores.dot
    into_rows, into_columns = into[0], into[len(operands.row)]
    for known, leaves, traces, output in seen:
        tile = known.tile
        at_score = plain_logsumexp.powers_gradient(bounded, factor, known) if factor else None
        for part in (
            *plain_gradient(plain, known, results, grads),
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
    reading: Reading,
    tile: Tile,
    values: Tensor,
    keep: Keep | None,
    weight: Tensor | None,
    states: States,
) -> None:
    """Show a reading's values on a tile to all that is asked of it."""
    for use in reading.uses:
        state = [share(t, use, tile) for t in states[use.key]]
        use.reduction.update(state, piece_of(use, tile, values, keep, weight))
