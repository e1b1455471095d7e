"""SupReMix: contrast for regression, with mixtures that are hard because of their labels."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Mask, Modifier, add, count, lists, lse, off_diagonal, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.regression_mixtures import Mixtures, mix_negatives, mix_positives
from dipole.objectives.maths import everywhere, log_add, reduce, unit


def supremix(
    views: Tensor,
    scores: Tensor,
    *,
    temperature: float | Tensor = 0.07,
    negatives: int = 64,
    positives: int = 64,
    window: float | None = None,
    concentration: tuple[float, float] = (2.0, 8.0),
    same: float = 0.0,
    power: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:
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
    """
    check(views=views, scores=scores, temperature=temperature)
    v, n, _ = views.shape
    z = unit(views.transpose(0, 1).reshape(n * v, -1))
    y = scores.to(z.dtype).repeat_interleave(v)
    alike = Mask(lambda _, a, b: (a - b).abs() <= same, row=y, column=y)
    far = Modifier(lambda s, a, b: s + torch.log1p((a - b).abs() ** power), row=y, column=y)
    positive = [off_diagonal(), alike]
    asked = [lse(mod=far, mask=off_diagonal()), total(mask=positive), count(positive)]
    log_z, hit, size = pairs(z, z, temperature=temperature, row=asked).row
    others, labels = (everywhere(z), everywhere(y)) if negatives or positives else (z, y)
    if negatives:
        mixed = mix_negatives(
            z, y, others, labels, most=negatives, concentration=concentration, same=same
        )
        log_z = log_add(log_z, *_list(z, y, mixed, power, temperature)[:1])
    if positives:
        width = torch.inf if window is None else window
        mixed = mix_positives(y, others, labels, most=positives, window=width, same=same)
        log_p, more, extra = _list(z, y, mixed, power, temperature)
        log_z, hit, size = log_add(log_z, log_p), hit + more, size + extra
    counted = size > 0
    rows = torch.where(counted, log_z - hit / size.clamp(min=1), 0)
    return reduce(rows.view(n, v).T, reduction, counted.view(n, v).T)


def _list(
    z: Tensor, y: Tensor, mixed: Mixtures, power: float, temperature: float | Tensor
) -> tuple[Tensor, ...]:
    """Weighted log-sum-exp, sum and number of every row's mixtures."""
    log_omega = torch.log1p((y[:, None] - mixed.labels).abs() ** power)
    there = Mask(lambda _, there: there, column=mixed.there)
    asked = [lse(mod=add(column=log_omega), mask=there), total(mask=there), count(there)]
    return lists(z, mixed.vectors, temperature=temperature, row=asked)


@register(
    "supremix",
    paper="Wu et al. 2023, Mixup Your Own Pairs, arXiv 2309.16633",
    system="supremix",
    form="softmax, several positives, mixtures, weights by label distance",
    related=("supcon", "metrix", "queue-infonce"),
)
class SupReMix(Objective):
    """`supremix` with its settings.

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> objective = SupReMix(temperature=0.5, negatives=0, positives=0)
        >>> objective(torch.stack([z, z]), torch.arange(4.0)).item()
        1.1...
    """

    def __init__(
        self,
        temperature: float = 0.07,
        *,
        negatives: int = 64,
        positives: int = 64,
        window: float | None = None,
        concentration: tuple[float, float] = (2.0, 8.0),
        same: float = 0.0,
        power: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        for name, number in (("negatives", negatives), ("positives", positives), ("same", same)):
            if not number >= 0:
                raise InputError(f"{name}: found {number!r}, expected 0 or more")
        if window is not None:
            check_above_zero("window", window)
        if len(concentration) != 2 or not all(c > 0 for c in concentration):
            raise InputError(f"concentration: found {concentration!r}, expected two above 0")
        self.temperature = Temperature(temperature)
        self.negatives = negatives
        self.positives = positives
        self.window = window
        self.concentration = (float(concentration[0]), float(concentration[1]))
        self.same = same
        self.power = check_above_zero("power", power)

    def forward(self, views: Tensor, scores: Tensor) -> Tensor:
        """The loss of a batch; see `supremix`."""
        return supremix(
            views,
            scores,
            temperature=self.temperature(),
            negatives=self.negatives,
            positives=self.positives,
            window=self.window,
            concentration=self.concentration,
            same=self.same,
            power=self.power,
            reduction=self.reduction,
        )
