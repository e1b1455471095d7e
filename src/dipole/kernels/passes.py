"""The two passes over the tiles: forward gathers, backward recomputes and differentiates.

Let a statistic of a view with values v_ij and weights w_ij have the result R and the incoming
gradient g. Its reduction gives g dR/dv_ij and g dR/dw_ij on a tile; autograd carries these through
the view's modifiers to the scores and to learnable operands. With G_ij the sum over all views at
the score l_ij of a dot product,

    d(rows) = G columns        d(columns) = G' rows.

Views without modifiers need no autograd; those that are log-sum-exps besides go by `powers`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from dipole.kernels import powers
from dipole.kernels.gradients import Leaves, modified_gradient, plain_gradient
from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.plan import Plan
from dipole.kernels.program import Program
from dipole.kernels.scoring import Scores
from dipole.kernels.survey import Survey
from dipole.kernels.tiles import tiles
from dipole.kernels.views import Grads, Results, States, piece_of, share


def start(program: Program, direction: str, n: int, like: Tensor) -> States:
    """Empty states for every statistic of a direction, of n results each."""
    return {
        use.key: use.reduction.start(n, like) for use in program.uses if use.direction == direction
    }


def forward_pass(
    program: Program,
    operands: Operands,
    states: States,
    plan: Plan,
    row_offset: int = 0,
    column_offset: int = 0,
) -> Tensor | None:
    """Let every tile of (rows x columns) pass by the states.

    Returns the scores where one tile holds them all: the backward pass need not compute them again.
    """
    kept: Tensor | None = None
    survey = Survey(program.views, operands, plan.size)
    bounded, others = plan.split(program)
    powers.set_peaks(bounded, states)
    scores = Scores(program, operands, plan)
    for tile in tiles(*operands.size, plan.size, row_offset, column_offset):
        local = operands.on(tile)
        score, exponentials = scores.on(tile, local)
        if exponentials is not None:
            powers.add_powers(bounded, states, exponentials, score, local, tile, survey)
        for view in others:
            keep = view.keep(score, local, tile, survey)
            if keep is Extent.NONE:
                continue
            values = view.values(score, local, tile, keep)
            weight = view.weight(score, local, tile)
            for use in view.uses:
                state = [share(t, use, tile) for t in states[use.key]]
                use.reduction.update(state, piece_of(use, tile, values, keep, weight))
        kept = scores.keep(score, operands)
    return kept


def backward_pass(
    program: Program,
    operands: Operands,
    results: Results,
    grads: Grads,
    into: Sequence[Tensor | None],
    plan: Plan,
    kept: Tensor | None,
    row_offset: int = 0,
    column_offset: int = 0,
) -> None:
    """Add the gradient of every operand to `into`, laid out as `operands.flat()`.

    `kept` is what the forward pass returned.
    """
    survey = Survey(program.views, operands, plan.size)
    bounded, others = plan.split(program)
    plain = [view for view in others if view.plain]
    modified = [view for view in others if not view.plain]
    factor = powers.factors(bounded, results, grads)
    scores = Scores(program, operands, plan)
    rows_sink, columns_sink = into[0], into[len(operands.row)]
    for tile in tiles(*operands.size, plan.size, row_offset, column_offset):
        local = operands.on(tile)
        leaves = Leaves(local, into, tile, by_hand=scores.dot is not None)
        score, exponentials = scores.on(tile, local if scores.dot else leaves.operands, kept)
        at_score: Tensor | None = None
        if exponentials is not None:
            by = powers.coefficients(bounded, factor, score, local, tile, survey)
            if by is not None:
                # What was kept may be needed once more.
                at_score = exponentials.mul_(by) if kept is None else exponentials * by
        for view in plain:
            for grad in plain_gradient(view, score.detach(), local, tile, survey, results, grads):
                at_score = grad if at_score is None else at_score.add_(grad)
        more = modified_gradient(modified, score.detach(), leaves, tile, survey, results, grads)
        if more is not None:
            at_score = more if at_score is None else at_score.add_(more)
        if at_score is None:
            continue
        if scores.dot is None:
            leaves.add(score, at_score)
            continue
        if rows_sink is not None:
            scores.dot.add_rows(rows_sink, at_score, tile)
        if columns_sink is not None:
            scores.dot.add_columns(at_score, tile)
    if scores.dot is not None and columns_sink is not None:
        scores.dot.finish_columns(columns_sink)
