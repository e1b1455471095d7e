"""SupReMix: contrast for regression, with mixtures that are hard because of their labels."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from dipole.declared import NotNegative, Positive, Range
from dipole.errors import InputError
from dipole.kernels import Mask, Modifier, add, count, lists, lse, off_diagonal, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.regression_mixtures import Mixtures, mix_negatives, mix_positives
from dipole.objectives.maths import everywhere, log_add, reduce, unit

Number = Annotated[int, Range(0)]


@register(
    "supremix",
    paper="Wu et al. 2023, Mixup Your Own Pairs, arXiv 2309.16633",
    system="supremix",
    form="softmax, several positives, mixtures, weights by label distance",
    related=("supcon", "metrix", "queue-infonce"),
)
class SupReMix(Objective):
    """With unit vectors z of all views, labels y, and C(i) the other views and i's mixtures,

        s_ic = z_i . c / temperature,  omega_ic = 1 + |y_i - y_c|^power
        L_i  = log sum_{c in C(i)} omega_ic exp s_ic - 1/|P(i)| sum_{p in P(i)} s_ip.

    P(i) is every other view of the same label (up to `same`) and the Mix-pos of i; Mix-neg and
    views of other labels are negatives:

        Mix-neg  a z_i + (1 - a) z_k, label a y_i + (1 - a) y_k, a ~ Beta(concentration)
        Mix-pos  a z_j + (1 - a) z_k, label y_i, where y_j < y_i < y_k, both less than `window`
                 away (None: however far), and a = (y_k - y_i) / (y_k - y_j),

    all of them, or so many drawn per anchor (`negatives`, `positives`; 0: none) from torch's
    random numbers. Mixtures have no gradient and are not normalised again. With none of them this
    is SupCon over equal labels with distance weights. Standardise the labels: omega, window and
    same are in their units. A view without positives is not counted.
    Shapes: views (v, n, d), v views of n examples; scores (n,), the labels. `none`: (v, n).
    Mixtures are O(n v (negatives + positives) d).

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> objective = SupReMix(temperature=0.5, negatives=0, positives=0)
        >>> objective(torch.stack([z, z]), torch.arange(4.0)).item()
        1.1...
    """

    temperature: Temperature = Temperature(0.07)
    negatives: Number = 64
    positives: Number = 64
    window: Positive | None = None
    concentration: tuple[float, float] = (2.0, 8.0)
    same: NotNegative = 0.0
    power: Positive = 1.0

    def make(self) -> None:
        found = self.concentration
        if len(found) != 2 or not all(c in Range(0, above=True) for c in found):
            raise InputError(f"concentration: found {found!r}, expected two above 0")
        self.concentration = (float(found[0]), float(found[1]))

    def forward(self, views: Tensor, scores: Tensor) -> Tensor:
        v, n, _ = views.shape
        z = unit(views.transpose(0, 1).reshape(n * v, -1))
        y = scores.to(z.dtype).repeat_interleave(v)
        alike = Mask(lambda _, a, b: (a - b).abs() <= self.same, row=y, column=y)
        far = Modifier(
            lambda s, a, b: s + torch.log1p((a - b).abs() ** self.power), row=y, column=y
        )
        positive = [off_diagonal(), alike]
        asked = [lse(mod=far, mask=off_diagonal()), total(mask=positive), count(positive)]
        log_z, hit, size = pairs(z, z, temperature=self.temperature(), row=asked).row
        mixes = self.negatives or self.positives
        others, labels = (everywhere(z), everywhere(y)) if mixes else (z, y)
        if self.negatives:
            mixed = mix_negatives(
                z,
                y,
                others,
                labels,
                most=self.negatives,
                concentration=self.concentration,
                same=self.same,
            )
            log_z = log_add(log_z, *self._list(z, y, mixed)[:1])
        if self.positives:
            width = torch.inf if self.window is None else self.window
            mixed = mix_positives(
                y, others, labels, most=self.positives, window=width, same=self.same
            )
            log_p, more, extra = self._list(z, y, mixed)
            log_z, hit, size = log_add(log_z, log_p), hit + more, size + extra
        counted = size > 0
        rows = torch.where(counted, log_z - hit / size.clamp(min=1), 0)
        return reduce(rows.view(n, v).T, self.reduction, counted.view(n, v).T)

    def _list(self, z: Tensor, y: Tensor, mixed: Mixtures) -> tuple[Tensor, ...]:
        """Weighted log-sum-exp, sum and number of every row's mixtures."""
        log_omega = torch.log1p((y[:, None] - mixed.labels).abs() ** self.power)
        there = Mask(lambda _, there: there, column=mixed.there)
        asked = [lse(mod=add(column=log_omega), mask=there), total(mask=there), count(there)]
        return lists(z, mixed.vectors, temperature=self.temperature(), row=asked)
