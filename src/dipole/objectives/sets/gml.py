"""GML: classes share a softmax by their prior and the mean likelihood of their stored keys."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Count, Positive, Range
from dipole.errors import InputError
from dipole.kernels import add, count, different, lse, pairs, same
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import everywhere, one_against, reduce, unit

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
    """Cross-entropy over classes c of A_ic + log prior_c, with keys k_j of class y_j:

        A_ic = log mean_{j: y_j = c} exp(cos(a_i, k_j) / temperature)
        L_i  = log sum_c prior_c exp A_ic - A_i,y_i - log prior_y_i,

    never as a matrix of classes: the sum over c is one over keys of the log-weight
    log prior_y_j - log n_y_j. The prior is the classes' shares of `counts`, how many examples each
    has; without them it is the keys' share n_c / m, and the weights are all equal. A temperature
    that is learnt gets its gradient from a second copy of the loss, with detached vectors and
    without the keys of the anchor's own sample (`ids`, `support_ids`), and none from the first: by
    those keys it would collapse. The value is then the sum of both.
    A row without a key of its class is not counted.
    The whole method is `GML(counts=c) + LogitAdjusted(c)`, the second on the classifier's features.
    Shapes: anchor (n, d); labels (n,), with `counts` 0 to C - 1; support (m, d), the keys, with
    support_labels (m,); ids (n,), support_ids (m,). Several processes: each brings its share of
    the keys.

    Example:
        >>> import torch
        >>> keys, labels = torch.eye(4), torch.arange(4)
        >>> GML(0.5, learn_temperature=False)(keys, labels, keys, labels).item()
        0.3...
    """

    temperature: Temperature = Temperature(0.1)
    counts: Sequence[float] | None = None
    learn_temperature: bool = True

    def make(self) -> None:
        self.prior = None if self.counts is None else _prior(self.counts)

    def forward(
        self,
        anchor: Tensor,
        labels: Tensor,
        support: Tensor,
        support_labels: Tensor,
        ids: Tensor | None = None,
        support_ids: Tensor | None = None,
    ) -> Tensor:
        a, k, prior, t = unit(anchor), unit(support), self.prior, self.temperature()
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
            return reduce(one_against(torch.where(counted, hit, 0), far), self.reduction, counted)

        if not (isinstance(t, Tensor) and t.requires_grad):
            return contrast(a, k, t, False)
        return contrast(a, k, t.detach(), False) + contrast(a.detach(), k.detach(), t, True)


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
    """Cross-entropy of a cosine classifier with weights w_c whose logits know the prior, the
    classes' shares of `counts`, how many examples each has,

        l_ic = cos(a_i, w_c) / temperature
        L_i  = log sum_c prior_c exp l_ic - l_i,y_i - log prior_y_i
             + distil T^2 KL(softmax_c(t_ic / T) || softmax_c(l_ic / T)),    T = teacher_temperature

    the last with `teacher_scores` t only, a teacher's logits. The weights are learnt. Ask l itself,
    `scores`, for the class of a balanced test set. Keeps the logits (n, C), which are the answer of
    a classifier.
    Shapes: anchor (n, d), d = `dim`; labels (n,), 0 to C - 1; teacher_scores (n, C).

    Example:
        >>> import torch
        >>> objective = LogitAdjusted(counts=[600, 60, 6], dim=8)
        >>> objective(torch.randn(4, 8), torch.tensor([0, 0, 1, 2])).shape
        torch.Size([])
        >>> objective.scores(torch.randn(5, 8)).argmax(1).shape
        torch.Size([5])
    """

    counts: Sequence[float]
    dim: Count = 128
    temperature: Positive = 1 / 30
    distil: float = 1.0
    teacher_temperature: Positive = 4.0
    seed: int = 0

    def make(self) -> None:
        self.prior = _prior(self.counts)
        generator = torch.Generator().manual_seed(self.seed)
        first = torch.randn(len(self.counts), self.dim, generator=generator)
        self.weights = nn.Parameter(unit(first))

    def scores(self, anchor: Tensor) -> Tensor:
        """The logits without the prior, (n, C)."""
        a = unit(anchor)
        return a @ unit(self.weights).to(a.dtype).T / self.temperature

    def forward(
        self, anchor: Tensor, labels: Tensor, teacher_scores: Tensor | None = None
    ) -> Tensor:
        sizes = {"weights": "c d"}
        check(weights=self.weights, anchor=anchor, teacher_scores=teacher_scores, shapes=sizes)
        check_classes("labels", labels, len(self.weights))
        logits = self.scores(anchor)
        with_prior = logits + self.prior.to(logits).log()
        hit = with_prior.gather(1, labels[:, None])
        rest = with_prior.scatter(1, labels[:, None], -torch.inf).logsumexp(1)
        rows = one_against(hit[:, 0], rest)
        if teacher_scores is not None:
            heat = self.teacher_temperature
            t = F.log_softmax(wide(teacher_scores.detach()).to(logits.dtype) / heat, 1)
            s = F.log_softmax(logits / heat, 1)
            rows = rows + self.distil * heat**2 * (t.exp() * (t - s)).sum(1)
        return reduce(rows, self.reduction)


def check_classes(name: str, labels: Tensor, classes: int) -> None:
    """Labels are 0 to classes - 1."""
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        low, high = int(labels.min()), int(labels.max())
        raise InputError(f"{name}: found {low} to {high}, expected 0 to {classes - 1}")


def _prior(counts: Sequence[float]) -> Tensor:
    """The classes' shares, a buffer that checkpoints leave out."""
    if not counts or not all(c in Range(0, above=True) for c in counts):
        raise InputError(f"counts: found {counts!r}, expected the classes' counts, all above 0")
    values = torch.tensor(list(counts), dtype=torch.float64)
    return nn.Buffer(values / values.sum(), persistent=False)
