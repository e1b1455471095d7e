"""DCLR: a frozen encoder says which negatives are false, and noise is a negative too."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Mask, lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit


@register(
    "dclr",
    paper="Zhou et al. 2022, Debiased Contrastive Learning of Unsupervised Sentence "
    "Representations, arXiv 2205.00656",
    system="dclr",
    form="softmax, negatives masked by a frozen encoder",
    related=("infonce", "queue-infonce"),
)
class DCLR(Objective):
    """With s_ij = cos(a_i, p_j) / temperature and c_ij the score a frozen encoder gives a pair,

        N(i) = { j != i : c_ij < threshold }
        L_i  = log( exp s_ii + sum_{j in N(i)} exp s_ij + sum_m exp(cos(a_i, e_m) / temperature) )
               - s_ii.

    `negative` are the noise vectors e of `sampling.noise_negatives` (or any others). This is the
    paper's equation, a softmax. Its code is another loss: it multiplies the logits by the 0/1
    weights, which leaves a masked negative with the logit 0, and takes the binary cross-entropy of
    the shares, averaged over all n + m entries of a row.
    Shapes: anchor, positive (n, d); negative (m, d); teacher_scores (n, n), on several processes
    the own rows against all columns; ids (n,): pairs of equal ids are never negatives.

    Example:
        >>> import torch
        >>> alike = torch.ones(4, 4)
        >>> DCLR(temperature=0.5)(torch.eye(4), torch.eye(4), teacher_scores=alike).item() == 0
        True
    """

    temperature: Temperature = Temperature(0.05)
    threshold: float = 0.9

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        teacher_scores: Tensor | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        mask = others(ids)
        if teacher_scores is not None:
            mask.append(Mask(lambda _, c: c < self.threshold, grid=teacher_scores))
        (log_z,) = pairs(a, p, temperature=t, row=[lse(mask=mask)]).row
        if negative is not None:
            log_z = log_add(log_z, *pairs(a, unit(negative), temperature=t, row=[lse()]).row)
        return reduce(-F.logsigmoid(own(a, p, temperature=t) - log_z), self.reduction)
