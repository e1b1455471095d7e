"""SwAV: every view predicts the balanced cluster assignment of the others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Count, Positive, Share
from dipole.errors import InputError
from dipole.kernels.sinkhorn import sinkhorn
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit


@register(
    "swav",
    paper="Caron et al. 2020, Unsupervised Learning of Visual Features by Contrasting Cluster "
    "Assignments, arXiv 2006.09882",
    system="swav",
    form="cross-entropy with balanced codes",
    related=("infonce", "ntxent"),
    executors=(),
)
class SwAV(Objective):
    """With P_v = cos(z_v, c), view v's scores against K prototypes, and codes without gradient

        q_s = the rows of Sinkhorn(P_s / code_temperature), every prototype used equally often
        L_b = mean_{s in A} mean_{v != s} - sum_k q_s[b, k] log softmax_k(P_v[b] / temperature),

    A the first `assign` views, the full ones (small crops predict, and are not predicted). Codes
    are balanced over the batch of all processes and the `queue`, which makes them better where
    the batch has fewer rows than there are prototypes.

    The prototypes are learnt. As in the authors' code they are the weight of a linear layer, put
    back to unit length before every training step; their length is a constant for the gradient, so
    that it is not only the part along the sphere. `seed` draws the first ones, so that every
    process starts with the same. They stand `still` for the first share of a training, the paper's
    first epoch.

    Keeps the scores of a view, (n, K), as a classifier does: Sinkhorn scales each of them.
    Shapes: views (v, n, d), v of 2 or more; queue (m, d), earlier vectors.

    Example:
        >>> import torch
        >>> objective = SwAV(dim=8, prototypes=16)
        >>> objective(torch.randn(2, 32, 8)).shape
        torch.Size([])
    """

    dim: Count = 128
    prototypes: Count | nn.Parameter = 3000
    temperature: Temperature = Temperature(0.1)
    code_temperature: Positive = 0.05
    iterations: Count = 3
    assign: Count = 2
    seed: int = 0
    still: Share = 0.0

    def make(self) -> None:
        """The first prototypes."""
        self.stands = self.still > 0
        assert isinstance(self.prototypes, int)
        generator = torch.Generator().manual_seed(self.seed)
        first = torch.randn(self.prototypes, self.dim, generator=generator)
        self.prototypes = nn.Parameter(unit(first))

    def at(self, done: float) -> None:
        """The prototypes stand still at first."""
        self.stands = done < self.still
        super().at(done)

    def forward(self, views: Tensor, queue: Tensor | None = None) -> Tensor:
        assert isinstance(self.prototypes, Tensor)
        if views.shape[-1] != self.dim:
            raise InputError(
                f"views: found shape {tuple(views.shape)}, expected (v, n, {self.dim}) as the "
                "prototypes have it"
            )
        assign = self.assign
        if assign > len(views) or len(views) < 2:
            raise InputError(
                f"views: found {len(views)} views, expected {max(assign, 2)} or more: "
                f"{assign} give codes, each to another"
            )
        if self.training:
            with torch.no_grad():
                self.prototypes.copy_(unit(self.prototypes))
        z = unit(views)
        c = self.prototypes.to(z.dtype)
        length = torch.linalg.vector_norm(c.detach(), dim=-1, keepdim=True)
        c = c / length.masked_fill(length == 0, 1)
        if self.stands:
            c = c.detach() + 0 * c  # a gradient of 0, which processes can share
        scores = z @ c.T
        with torch.no_grad():
            earlier = scores[0, :0] if queue is None else unit(queue) @ c.T
            codes = [self._codes(one, earlier) for one in scores[:assign]]
        log_p = F.log_softmax(scores / self.temperature(), dim=-1)
        rows = [
            -(code * log_p[v]).sum(-1)
            for s, code in enumerate(codes)
            for v in range(len(views))
            if v != s
        ]
        return reduce(torch.stack(rows).mean(0), self.reduction)

    def _codes(self, scores: Tensor, earlier: Tensor) -> Tensor:
        """(n, K), each row a distribution."""
        every = torch.cat([earlier.to(scores), scores])
        plan = sinkhorn(
            every,
            temperature=self.code_temperature,
            iterations=self.iterations,
            everywhere=True,
        )
        return plan[-len(scores) :].softmax(-1)
