"""SogCLR and iSogCLR: every example remembers its denominator, and finds its own temperature."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Range
from dipole.errors import InputError
from dipole.kernels import Weight, count, lse, own, pairs
from dipole.objectives.contract.base import Objective, Reduction
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, log_add, others, reduce, unit

Fraction = Annotated[float, Range(0, 1, above=True)]


class Step(NamedTuple):
    """What a batch gives: the loss; log u, updated; the slope of the robust loss in tau.

    log_u, slope: (s, n), like the state that went in. counted (n,): the rows with a negative.
    """

    loss: Tensor
    log_u: Tensor
    slope: Tensor
    counted: Tensor


def global_contrast(
    anchor: Tensor,
    positive: Tensor,
    log_u: Tensor,
    tau: Tensor,
    ids: Tensor | None = None,
    *,
    gamma: float = 0.8,
    rho: float = 0.0,
    reduction: Reduction = "mean",
) -> Step:
    """The global contrast of every example with a running denominator u_i and temperature tau_i.

    Of two views (one state, s = 1), N(i) the 2n - 2 other views, each view with its own u:

        g_i  = mean_{z in N(i)} e_iz,   e_iz = exp(z_i . z / tau_i)
        u_i  = (1 - gamma) u + gamma g_i, or g_i at first;   u <- the mean of both views' u_i
        F_i  = tau_i log u_i + tau_i rho - z_i . z_i+
        dF_i = mean_{z in N(i)} e_iz / u_i d(z_i . z) - d(z_i . z_i+)
        slope = log u_i + rho - mean_{z in N(i)} e_iz / u_i (z_i . z) / tau_i,  the mean of both.

    Of two modalities (s = 2), N(i) the n - 1 others of the other modality, as in the authors' code
    of these: scores less the own pair's, which is counted too, and u from 0,

        g_i  = 1 / (n - 1) (1 + sum_{z in N(i)} e_iz),   e_iz = exp((z_i . z - z_i . z_i+) / tau_i)
        u_i <- (1 - gamma) u_i + gamma g_i
        F_i  = tau_i log u_i + tau_i rho,   dF_i and the slope with the differences, as above.

    F is the value of the loss and dF its gradient: that of the denominator over all data, of which
    the batch's negatives are a sample, and not that of the average u, which is gamma times as long.
    The mean of both anchors (the authors add them). Log-space throughout; an example without
    negatives is not counted.
    Shapes: anchor, positive (n, d); log_u, tau (s, n), no gradient; ids (n,): examples with equal
    ids are never negatives of each other.
    """
    a, p = unit(anchor), unit(positive)
    views = len(tau) == 1
    log_u, tau = (x.to(a.dtype).expand(2, -1) for x in (log_u, tau))
    first = _mean_exp(a, [a, p] if views else [p], tau[0], ids)
    second = _mean_exp(p, [a, p] if views else [a], tau[-1], ids)
    log_g, near = torch.stack([first[0], second[0]]), torch.stack([first[1], second[1]])
    size, score = torch.stack([first[2], second[2]]), own(a, p)
    counted = size[0] > 0
    log_g, log_size = torch.where(counted, log_g, 0), size.clamp(min=1).log()
    if not views:  # scores less the own pair's, and the own pair among them
        other = log_g - score / tau + log_size
        log_g = F.softplus(other) - log_size
        near = (near - score.detach()) * torch.sigmoid(other.detach())
    seen = log_g.detach()
    moved = log_add(log_u + _log(1 - gamma), seen + math.log(gamma))
    each = torch.where(log_u == -torch.inf, seen, moved) if views else moved
    share = torch.exp(seen - each)
    surrogate = share * tau * log_g
    rows = surrogate + (tau * (each + rho) - surrogate).detach() - (score if views else 0)
    loss = torch.stack([reduce(row, reduction, counted) for row in rows]).mean(0)
    slope = each + rho - share * near / tau
    if views:
        each = torch.logsumexp(each, 0, keepdim=True) - math.log(2)
        slope = slope.mean(0, keepdim=True)
    return Step(loss, each, slope.detach(), counted)


def _mean_exp(
    x: Tensor, columns: list[Tensor], tau: Tensor, ids: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Over the negatives j: log mean_j exp(x_i . z_j / tau_i), their mean x_i . z_j by these
    exponentials, and how many they are."""
    mask = others(ids)
    # Weights are 0 or more: 1 + cosine, less 1 at the end. Out of the same pass over the tiles.
    alike = Weight(lambda s, t: (1 + s.detach() * t).clamp(min=0), row=tau)
    asked = [lse(mask=mask), lse(mask=mask, weight=alike), count(mask)]
    found = [pairs(x, z, temperature=tau, row=asked).row for z in columns]
    log_z, weighted, size = (torch.stack(part) for part in zip(*found, strict=True))
    total = log_add(*log_z)
    near = torch.exp(log_add(*weighted.detach()) - torch.where(total.isfinite(), total, 0)) - 1
    sizes = size.sum(0)
    return total - sizes.log(), near.detach(), sizes


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


PAPER = (
    "Yuan et al. 2022, Provable Stochastic Optimization for Global Contrastive Learning: Small "
    "Batch Does Not Harm Performance, arXiv 2202.12387"
)


@register(
    "sogclr",
    paper=PAPER,
    system="isogclr",
    form="softmax, running denominator per example",
    related=("isogclr", "ntxent", "dcl"),
)
class SogCLR(Objective):
    """`global_contrast` with one fixed temperature, and the state of every example.

    The authors' code for two views starts u at 0, which makes the first weights 1 / gamma too
    large, and stores the sum of both views' averages instead of their mean; this one does neither.

    gamma: the share of the batch in u. modalities: anchors and positives are of two modalities,
    each with its own u; else they are two views. The state (float32 buffers, in checkpoints) is
    made by `bind(examples)` and moves in training mode only; on several processes every one holds
    the same.
    Shapes: anchor, positive (n, d); rows (n,), the examples' numbers, 0 or more; ids (n,).

    Example:
        >>> import torch
        >>> objective = SogCLR(temperature=0.5)
        >>> objective.bind(4)
        >>> z = torch.eye(4)
        >>> objective(z, z, rows=torch.arange(4)).item()
        -1.0
    """

    temperature: Positive = 0.1
    gamma: Fraction = 0.8
    modalities: bool = False

    def make(self) -> None:
        self.states = 2 if self.modalities else 1
        self.log_u: Tensor
        self.register_buffer("log_u", torch.empty(self.states, 0))

    def bind(self, examples: int) -> None:
        """Make the state of so many examples; a state of that size stays."""
        if self.log_u.shape[1] != examples:
            self.log_u = self.log_u.new_full((self.states, examples), -torch.inf)

    def forward(
        self, anchor: Tensor, positive: Tensor, rows: Tensor, ids: Tensor | None = None
    ) -> Tensor:
        self._check_rows(rows)
        log_u = self.log_u[:, rows]
        tau = torch.full_like(log_u, self.temperature)
        step = global_contrast(
            anchor, positive, log_u, tau, ids, gamma=self.gamma, reduction=self.reduction
        )
        if self.training:
            self._keep(rows, step.counted, log_u=step.log_u)
        return step.loss

    def _check_rows(self, rows: Tensor) -> None:
        examples = self.log_u.shape[1]
        low, high = int(rows.min()), int(rows.max())
        if low < 0 or high >= examples:
            raise InputError(
                f"rows: found {low} to {high}, expected numbers below {examples}, the examples "
                "that bind(examples) was told of"
            )

    def _keep(self, rows: Tensor, counted: Tensor, **state: Tensor) -> None:
        """Write the rows of all processes, so that each holds the same state."""
        where = everywhere(rows)[everywhere(counted)]
        for name, value in state.items():
            buffer = self.get_buffer(name)
            kept = everywhere(value.detach().T.contiguous())[everywhere(counted)]
            buffer[:, where] = kept.T.to(buffer.dtype)


class Steps(NamedTuple):
    """How temperatures move; what a setting of that name that is not given is."""

    rho: float
    eta: float
    lowest: float
    clip: float


VIEWS, MODALITIES = Steps(6.0, 1e-3, 0.05, 3.0), Steps(0.1, 1e-2, 0.005, 5.0)  # the authors'


@register(
    "isogclr",
    paper="Qiu et al. 2023, Not All Semantics are Created Equal: Contrastive Self-supervised "
    "Learning with Automatic Temperature Individualization, arXiv 2305.11965",
    system="isogclr",
    form="softmax, running denominator and temperature per example",
    related=("sogclr", "ntxent", "macl"),
)
class ISogCLR(SogCLR):
    """`global_contrast` where every example also moves its temperature, after each batch:

        v_i <- (1 - beta) v_i + beta clip(slope_i, -clip, clip)
        tau_i <- clip(tau_i - eta v_i, lowest, highest).

    tau_i then solves the worst case of the negatives' weights within KL <= rho of uniform: change
    rho if all temperatures end at `lowest` or `highest` (KL cannot pass log of the number of
    negatives). temperature: where all start. rho, eta, lowest and clip are the authors' where not
    given: 6, 1e-3, 0.05 and 3 of two views; 0.1, 1e-2, 0.005 and 5 of two modalities. With little
    data each example is seen rarely: a larger eta, 1e-2. Frequent concepts get high temperatures.
    Read them off `objective.tau`, (1, examples), or (2, examples) with `modalities=True`.
    Shapes: as of `SogCLR`.

    Example:
        >>> import torch
        >>> objective = ISogCLR(temperature=0.5, rho=0.1)
        >>> objective.bind(4)
        >>> z = torch.eye(4)
        >>> round(objective(z, z, rows=torch.arange(4)).item(), 2)
        -0.95
        >>> objective.tau[0, 0].item() < 0.5
        True
    """

    temperature: Positive = 0.07
    rho: float | None = None
    eta: Positive | None = None
    beta: Fraction = 0.9
    lowest: Positive | None = None
    highest: float = 1.0
    clip: Positive | None = None

    def make(self) -> None:
        super().make()
        given, authors = (self.rho, self.eta, self.lowest, self.clip), VIEWS
        if self.modalities:
            authors = MODALITIES
        own = zip(given, authors, strict=True)
        self.steps = Steps(*(theirs if ours is None else ours for ours, theirs in own))
        if not self.steps.lowest <= self.temperature <= self.highest:
            raise InputError(
                f"temperature: found {self.temperature!r} with lowest={self.steps.lowest!r} and "
                f"highest={self.highest!r}, expected lowest <= temperature <= highest"
            )
        self.tau: Tensor
        self.register_buffer("tau", torch.empty(self.states, 0))
        self.v: Tensor
        self.register_buffer("v", torch.empty(self.states, 0))

    def bind(self, examples: int) -> None:
        """Make the state of so many examples; a state of that size stays."""
        super().bind(examples)
        if self.tau.shape[1] != examples:
            self.tau = self.tau.new_full((self.states, examples), self.temperature)
            self.v = self.v.new_zeros(self.states, examples)

    def forward(
        self, anchor: Tensor, positive: Tensor, rows: Tensor, ids: Tensor | None = None
    ) -> Tensor:
        self._check_rows(rows)
        rho, eta, lowest, clip = self.steps
        log_u, tau = self.log_u[:, rows], self.tau[:, rows]
        step = global_contrast(
            anchor, positive, log_u, tau, ids, gamma=self.gamma, rho=rho, reduction=self.reduction
        )
        if self.training:
            slope = step.slope.clamp(-clip, clip)
            v = (1 - self.beta) * self.v[:, rows] + self.beta * slope
            tau = (tau - eta * v).clamp(lowest, self.highest)
            self._keep(rows, step.counted, log_u=step.log_u, v=v, tau=tau)
        return step.loss
