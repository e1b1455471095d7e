"""The fast path: plain log-sum-exps of dot products that cannot overflow.

|q_i . k_j| <= B = max|q| max|k|. While e^B times the number of terms stays inside the exponent's
range, so does every sum of exponentials and its inverse, and no running maximum is needed:

    E_ij = e^(q_i . k_j)      lse_i = log sum_j E_ij      lse_j = log sum_i E_ij

is one exponential for both directions. Backward, with g the incoming gradients,

    G_ij = E_ij (g_i e^-lse_i + g_j e^-lse_j).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from torch import Tensor

from dipole.kernels.modifiers import Extent
from dipole.kernels.readings import COLUMN, ROW, Grads, Reading, Results, States
from dipole.kernels.tile_values import TileValues


def start(n: int, like: Tensor) -> list[Tensor]:
    """The state of n log-sum-exps: sums of E, without a peak."""
    return [like.new_zeros(n)]


def finish(state: list[Tensor]) -> tuple[Tensor, None]:
    """Their results."""
    return state[0].log(), None


def add_powers(readings: Sequence[Reading], states: States, known: TileValues) -> None:
    """Add a tile of E to the sums of every reading."""
    powers, tile = known.powers, known.tile
    assert powers is not None
    for reading in readings:
        keep = known.keep(reading)
        if keep is Extent.NONE:
            continue
        if keep is None:
            kept = powers
        elif len(readings) == 1:
            # Nobody else looks: what takes no part is gone for the backward pass too.
            kept = keep.fill_(powers, 0)
        else:
            kept = keep.fill(powers, 0)
        of_rows: Tensor | None = None
        for use in reading.uses:
            (sums,) = states[use.key]
            if use.direction == COLUMN:
                tile.of_columns(sums).add_(kept.sum(0))
                continue
            of_rows = kept.sum(1) if of_rows is None else of_rows
            if use.direction == ROW:
                tile.of_rows(sums).add_(of_rows)
            else:
                sums.add_(of_rows.sum())


def factors(readings: Sequence[Reading], results: Results, grads: Grads) -> Grads:
    """g e^-lse of every use that has a gradient; over an empty set no pair will ask for it."""
    keys = [use.key for reading in readings for use in reading.uses]
    found = {}
    for key in keys:
        if key in grads:
            result = results[key][0]
            found[key] = grads[key] * (-result).exp()
    return found


def powers_gradient(readings: Sequence[Reading], factor: Grads, known: TileValues) -> Tensor | None:
    """The gradient at the scores of a tile; None where nothing arrives."""
    tile, powers = known.tile, known.powers
    assert powers is not None
    total: Tensor | None = None
    for reading in readings:
        arriving = [use for use in reading.uses if use.key in factor]
        keep = known.keep(reading) if arriving else Extent.NONE
        if keep is Extent.NONE:
            continue
        parts = [
            tile.of_rows(factor[use.key])[:, None]
            if use.direction == ROW
            else tile.of_columns(factor[use.key])
            if use.direction == COLUMN
            else factor[use.key]
            for use in arriving
        ]
        grad = powers * reduce(add, parts)
        if keep is not None:
            keep.fill_(grad, 0)
        total = grad if total is None else total.add_(grad)
    return total
