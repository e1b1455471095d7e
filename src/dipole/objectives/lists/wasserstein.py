"""SyCL: the distance of two Gaussians, fitted to predicted and to graded relevance."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import unit
from dipole.objectives.whole_batch import whole_batch


@register(
    "sycl",
    paper="Esfandiarpoor et al. 2025, Beyond Contrastive Learning: Synthetic Data Enables "
    "List-wise Training with Multiple Levels of Relevance, arXiv 2503.23239",
    system="sycl",
    form="Wasserstein distance of batches of distributions",
    related=("listnet", "kl-listwise", "listmle"),
    rows=False,
    executors=(),
)
class Wasserstein(Objective):
    """Every anchor looks at the lists of all: n rows and m = n k columns, over all processes.

        P = softmax of rows (a_i . c_j / temperature)
        Q = softmax of rows (Y_ij / label_temperature),  Y the relevances, 0 in others' lists
        L = ||mean P - mean Q||^2 + tr C_P + tr C_Q - 2 tr (C_P C_Q)^(1/2)

    the squared 2-Wasserstein distance of the Gaussians with the rows' means and covariances
    C (over n - 1). By the n x n matrix of the centred rows E_P, E_Q, tr (C_P C_Q)^(1/2) is the
    nuclear norm |E_P E_Q^T| / (n - 1) (the authors add 1e-15 under its square roots, some 1e-7 in
    the value). One row has no covariance: the squared distance is left.
    Needs the (n, m) matrices themselves, in float64: columns' means and singular values are of
    whole matrices. Memory O(n^2 k); the paper's batch has 16 x 64.
    Shapes: anchor (n, d); candidates (n, k, d); relevance (n, k), levels 0 to 3 in the paper.
    Scores are dot products, as in the paper, unless `normalize`.

    Example:
        >>> import torch
        >>> anchor, candidates = 30 * torch.eye(2), torch.eye(2)[:, None]
        >>> Wasserstein()(anchor, candidates, torch.full((2, 1), 30.0)).item() < 1e-6
        True
    """

    temperature: Temperature = Temperature(1.0)
    label_temperature: Positive = 1.0
    normalize: bool = False

    def forward(self, anchor: Tensor, candidates: Tensor, relevance: Tensor) -> Tensor:
        scale = unit if self.normalize else wide
        a, c = whole_batch(scale(anchor)), whole_batch(scale(candidates))
        level = whole_batch(wide(relevance.detach())).double() / self.label_temperature
        n, k, d = c.shape
        scores = a.double() @ c.double().view(n * k, d).T / self.temperature()
        own = torch.eye(n, dtype=torch.float64, device=a.device)[:, :, None] * level[:, None]
        p, q = scores.softmax(1), own.view(n, n * k).softmax(1)
        e_p, e_q = p - p.mean(0), q - q.mean(0)
        spread = e_p.square().sum() + e_q.square().sum()
        shared = torch.linalg.svdvals(e_p @ e_q.T).sum()
        distance = (p.mean(0) - q.mean(0)).square().sum() + (spread - 2 * shared) / max(n - 1, 1)
        return distance.to(a.dtype)
