"""A batch with labels as the pair engine's rows, columns and masks, for losses over pairs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Mask, different, off_diagonal, same
from dipole.objectives.contract.base import Reduction
from dipole.objectives.maths import reduce, unit
from dipole.objectives.whole_batch import positions


class Labelled(NamedTuple):
    """Who meets whom: the scores are `rows @ columns.T`; every mask of a list must hold.

    positive: another row of the same class. negative: a row of another class and another content.
    shape: (examples, views per example), the order of the rows.
    """

    rows: Tensor
    columns: Tensor
    positive: list[Mask]
    negative: list[Mask]
    shape: tuple[int, int]

    def reduce(self, rows: Tensor, reduction: Reduction, counted: Tensor | None = None) -> Tensor:
        """Mean or sum of the rows; `none` gives (views, examples), as the views came in."""
        turned = None if counted is None else counted.view(self.shape).T
        return reduce(rows.view(self.shape).T, reduction, turned)


def labelled(views: Tensor, labels: Tensor | None, ids: Tensor | None) -> Labelled:
    """All views of all examples against each other; without labels an example is its own class.

    Shapes: views (v, n, d); labels (n,); ids (n,), equal ids are never negatives of each other.
    """
    v, n, _ = views.shape
    z = unit(views.transpose(0, 1).reshape(n * v, -1))
    classes = (positions(n, z.device) if labels is None else labels).repeat_interleave(v)
    negative = [different(classes)]
    if ids is not None:
        negative.append(different(ids.repeat_interleave(v)))
    return Labelled(z, z, [off_diagonal(), same(classes)], negative, (n, v))


def scored(scores: Tensor, labels: Tensor) -> Labelled:
    """The same over a score matrix that exists, (n, n): it is its own product with the identity."""
    if scores.dim() != 2 or scores.shape != (len(labels), len(labels)):
        raise InputError(
            f"scores: found shape {tuple(scores.shape)}, expected (n, n) with n = {len(labels)}"
        )
    one = torch.eye(len(labels), dtype=scores.dtype, device=scores.device)
    return Labelled(
        scores, one, [off_diagonal(), same(labels)], [different(labels)], (len(labels), 1)
    )
