"""GML: classes share a softmax by their prior and the mean likelihood of their stored keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.errors import InputError
from dipole.kernels import add, count, different, lse, pairs, same
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import everywhere, one_against, reduce, unit


def gml(
    anchor: Tensor,
    labels: Tensor,
    support: Tensor,
    support_labels: Tensor,
    ids: Tensor | None = None,
    support_ids: Tensor | None = None,
    *,
    prior: Tensor | None = None,
    temperature: float | Tensor = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy over classes c of A_ic + log prior_c, with keys k_j of class y_j:

        A_ic = log mean_{j: y_j = c} exp(cos(a_i, k_j) / temperature)
        L_i  = log sum_c prior_c exp A_ic - A_i,y_i - log prior_y_i,

    never as a matrix of classes: the sum over c is one over keys of the log-weight
    log prior_y_j - log n_y_j. Without `prior` it is the keys' share n_c / m, and the weights are
    all equal. A temperature that wants a gradient gets it from a second copy of the loss, with
    detached vectors and without the keys of the anchor's own sample (`ids`, `support_ids`), and
    none from the first: by those keys it would collapse. The value is then the sum of both.
    A row without a key of its class is not counted.
    Shapes: anchor (n, d); labels (n,); support (m, d), the keys, with support_labels (m,); ids
    (n,), support_ids (m,); prior (C,), of labels 0 to C - 1. Several processes: each brings its
    share of the keys.
    """
    check(
        anchor=anchor,
        labels=labels,
        support=support,
        support_labels=support_labels,
        ids=ids,
        support_ids=support_ids,
        temperature=temperature,
    )
    a, k = unit(anchor), unit(support)
    if prior is not None:
        for name, tensor in (("labels", labels), ("support_labels", support_labels)):
            check_classes(name, tensor, len(prior))
        log_prior = prior.to(a).log()
        every, sizes = everywhere(support_labels).unique(return_counts=True)
        size = sizes[torch.searchsorted(every, support_labels)]
        weigh = add(column=log_prior[support_labels] - size.to(a.dtype).log())

    def contrast(x: Tensor, z: Tensor, temperature: float | Tensor, apart: bool) -> Tensor:
        mine = [same(labels, support_labels)]
        if apart and ids is not None and support_ids is not None:
            mine.append(different(ids, support_ids))
        rest = lse(mod=None if prior is None else weigh, mask=different(labels, support_labels))
        asked = [lse(mask=mine), count(mine), rest]
        hit, n_own, far = pairs(x, z, temperature=temperature, row=asked).row
        if prior is not None:
            hit = hit - n_own.clamp(min=1).log() + log_prior[labels]
        counted = n_own > 0
        return reduce(one_against(torch.where(counted, hit, 0), far), reduction, counted)

    if not (isinstance(temperature, Tensor) and temperature.requires_grad):
        return contrast(a, k, temperature, False)
    first = contrast(a, k, temperature.detach(), False)
    return first + contrast(a.detach(), k.detach(), temperature, True)


def logit_adjusted(
    anchor: Tensor,
    labels: Tensor,
    weights: Tensor,
    teacher_scores: Tensor | None = None,
    *,
    prior: Tensor,
    temperature: float = 1 / 30,
    distil: float = 1.0,
    teacher_temperature: float = 4.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy of a cosine classifier with weights w_c whose logits know the prior,

        l_ic = cos(a_i, w_c) / temperature
        L_i  = log sum_c prior_c exp l_ic - l_i,y_i - log prior_y_i
             + distil T^2 KL(softmax_c(t_ic / T) || softmax_c(l_ic / T)),    T = teacher_temperature

    the last with `teacher_scores` t only, a teacher's logits. Ask l itself, without the prior, for
    the class of a balanced test set. Keeps the logits (n, C), which are the answer of a classifier.
    Shapes: anchor (n, d); labels (n,), 0 to C - 1; weights (C, d); teacher_scores (n, C).
    """
    check(
        anchor=anchor,
        labels=labels,
        weights=weights,
        teacher_scores=teacher_scores,
        shapes={"weights": "c d"},
    )
    check_classes("labels", labels, len(weights))
    a = unit(anchor)
    logits = a @ unit(weights).to(a.dtype).T / temperature
    with_prior = logits + prior.to(a).log()
    hit = with_prior.gather(1, labels[:, None])
    rest = with_prior.scatter(1, labels[:, None], -torch.inf).logsumexp(1)
    rows = one_against(hit[:, 0], rest)
    if teacher_scores is not None:
        t = F.log_softmax(wide(teacher_scores.detach()).to(a.dtype) / teacher_temperature, 1)
        s = F.log_softmax(logits / teacher_temperature, 1)
        rows = rows + distil * teacher_temperature**2 * (t.exp() * (t - s)).sum(1)
    return reduce(rows, reduction)


def check_classes(name: str, labels: Tensor, classes: int) -> None:
    """Labels are 0 to classes - 1."""
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        low, high = int(labels.min()), int(labels.max())
        raise InputError(f"{name}: found {low} to {high}, expected 0 to {classes - 1}")


def as_prior(counts: Sequence[float] | None) -> Tensor | None:
    """Counts of the classes as shares."""
    if counts is None:
        return None
    if not counts or not all(c > 0 for c in counts):
        raise InputError(f"counts: found {counts!r}, expected the classes' counts, all above 0")
    values = torch.tensor(list(counts), dtype=torch.float64)
    return values / values.sum()


_PAPER = (
    "Suh and Seo 2023, Long-Tailed Recognition by Mutual Information Maximization between Latent "
    "Features and Ground-Truth Labels, arXiv 2305.01160"
)


@register(
    "gml",
    paper=_PAPER,
    system="gml-long-tail",
    form="softmax over classes of stored keys, log prior",
    related=("logit-adjusted", "supcon", "prototypical"),
)
class GML(Objective):
    """`gml` with its settings; counts: how many examples each class has (the prior).

    The whole method is `GML(counts=c) + LogitAdjusted(c)`, the second on the classifier's features.

    Example:
        >>> import torch
        >>> keys, labels = torch.eye(4), torch.arange(4)
        >>> GML(0.5, learn_temperature=False)(keys, labels, keys, labels).item()
        0.3...
    """

    prior: Tensor | None

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        counts: Sequence[float] | None = None,
        learn_temperature: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.register_buffer("prior", as_prior(counts), persistent=False)

    def forward(
        self,
        anchor: Tensor,
        labels: Tensor,
        support: Tensor,
        support_labels: Tensor,
        ids: Tensor | None = None,
        support_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `gml`."""
        return gml(
            anchor,
            labels,
            support,
            support_labels,
            ids,
            support_ids,
            prior=self.prior,
            temperature=self.temperature(),
            reduction=self.reduction,
        )


@register(
    "logit-adjusted",
    paper="Menon et al. 2020, Long-tail learning via logit adjustment, arXiv 2007.07314; with a "
    "cosine classifier and a teacher in " + _PAPER,
    system="gml-long-tail",
    form="softmax over classes, log prior",
    related=("gml", "prototypical"),
    executors=(),
)
class LogitAdjusted(Objective):
    """`logit_adjusted` with its classifier, learnt; counts: how many examples each class has.

    Example:
        >>> import torch
        >>> objective = LogitAdjusted(counts=[600, 60, 6], dim=8)
        >>> objective(torch.randn(4, 8), torch.tensor([0, 0, 1, 2])).shape
        torch.Size([])
        >>> objective.scores(torch.randn(5, 8)).argmax(1).shape
        torch.Size([5])
    """

    prior: Tensor

    def __init__(
        self,
        counts: Sequence[float],
        dim: int = 128,
        temperature: float = 1 / 30,
        *,
        distil: float = 1.0,
        teacher_temperature: float = 4.0,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = check_above_zero("temperature", temperature)
        self.distil = distil
        self.teacher_temperature = check_above_zero("teacher_temperature", teacher_temperature)
        self.register_buffer("prior", as_prior(counts), persistent=False)
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.Parameter(unit(torch.randn(len(counts), dim, generator=generator)))

    def scores(self, anchor: Tensor) -> Tensor:
        """The logits without the prior, (n, C)."""
        return unit(anchor) @ unit(self.weights).T / self.temperature

    def forward(
        self, anchor: Tensor, labels: Tensor, teacher_scores: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `logit_adjusted`."""
        return logit_adjusted(
            anchor,
            labels,
            self.weights,
            teacher_scores,
            prior=self.prior,
            temperature=self.temperature,
            distil=self.distil,
            teacher_temperature=self.teacher_temperature,
            reduction=self.reduction,
        )
