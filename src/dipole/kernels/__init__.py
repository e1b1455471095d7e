"""The pair engine: statistics of a score matrix that never has to exist (docs/engine.md)."""

from dipole.kernels.blocks import Score, gram_volume, late_interaction, negative_squared_distance
from dipole.kernels.maxsim import maxsim, maxsim_pairs
from dipole.kernels.modifiers import (
    INDEX,
    Mask,
    Modifier,
    Weight,
    add,
    diagonal,
    different,
    matrix,
    off_diagonal,
    same,
    scale,
)
from dipole.kernels.pairs import Stats, lists, own, pairs
from dipole.kernels.relation_masks import candidates, negatives, positives
from dipole.kernels.settings import Settings, settings, using
from dipole.kernels.statistics import Statistic, count, lse, maximum, minimum, top, total

__all__ = [
    "INDEX",
    "Mask",
    "Modifier",
    "Score",
    "Settings",
    "Statistic",
    "Stats",
    "Weight",
    "add",
    "candidates",
    "count",
    "diagonal",
    "different",
    "gram_volume",
    "late_interaction",
    "lists",
    "lse",
    "matrix",
    "maximum",
    "maxsim",
    "maxsim_pairs",
    "minimum",
    "negative_squared_distance",
    "negatives",
    "off_diagonal",
    "own",
    "pairs",
    "positives",
    "same",
    "scale",
    "settings",
    "top",
    "total",
    "using",
]
