"""AnglE: pairs are ordered by an angle of complex numbers, which has no flat ends."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Mask, lse, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import unit


@register(
    "angle",
    paper="Li and Li 2023, AnglE-optimized Text Embeddings, arXiv 2309.12871",
    system="angle",
    form="global log-sum-exp over ordered pairs of pairs, of angles",
    related=("cosent", "cosine-regression"),
    rows=False,
)
class Angle(Objective):
    """A vector of length 1 is read as complex numbers: x = (x_re, x_im), its two halves. With

        u_i = | a_i . p_i + a_im . p_re - a_re . p_im |

    of pair i (cosine and sine of the complex quotient, summed over its entries) and y_i its score,

        L = log(1 + sum_{(i, j): y_i > y_j} exp((u_j - u_i) / temperature)).

    This is the angle's term alone. The paper adds CoSENT and in-batch InfoNCE, each of weight 1 by
    default: `--objective "angle + cosent"` on scored pairs. Vectors of an odd size get a zero.
    Only the order of the scores matters, over all processes. Nothing to compare: 0.
    Shapes: anchor, positive (n, d); scores (n,), any finite numbers.

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, -1.0]])
        >>> Angle()(anchor, positive, torch.tensor([1.0, 0.0])).item()
        0.693...
    """

    temperature: Temperature = Temperature(0.05)

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        u = angle_similarity(anchor, positive)
        one = torch.ones_like(u)
        higher = Mask(lambda _, y_i, y_j: y_i > y_j, row=scores, column=scores)
        # u_j - u_i is a dot product of two numbers, as in `cosent`.
        rows, columns = torch.stack([-u, one], 1), torch.stack([one, u], 1)
        asked = [lse(mask=higher)]
        (wrong,) = pairs(rows, columns, temperature=self.temperature(), all=asked).all
        return F.softplus(wrong)


def angle_similarity(a: Tensor, p: Tensor) -> Tensor:
    """u of each pair, (n,), from 0 to 2^0.5."""
    a, p = unit(a), unit(p)
    if a.shape[1] % 2:
        a, p = F.pad(a, (0, 1)), F.pad(p, (0, 1))
    (a_re, a_im), (p_re, p_im) = a.chunk(2, 1), p.chunk(2, 1)
    return ((a * p).sum(1) + (a_im * p_re - a_re * p_im).sum(1)).abs()
