"""SPARC: every word finds its own patches, and is told from the other words of its caption."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce, unit
from dipole.objectives.pairs.infonce import infonce
from dipole.objectives.tokens.late_interaction import TOKENS, tokens


@register(
    "sparc",
    paper="Bica et al. 2024, Improving fine-grained understanding in image-text pre-training, "
    "arXiv 2401.09865",
    system="sparc",
    form="softmax within a pair + softmax",
    related=("infonce", "late-interaction"),
)
class SPARC(Objective):
    """L_i = coarse InfoNCE_i(mean patch, mean token) + fine F_i. For the patches v_p and tokens
    t_l of one pair, with s_lp = t_l . v_p scaled to [0, 1] over the patches of each token,

        a_lp = s_lp [s_lp >= 1 / P] / sum_p' s_lp' [s_lp' >= 1 / P],   c_l = sum_p a_lp v_p
        u_lm = cos(c_l, t_m) / temperature
        F_i  = (mean_l CE(u_l:, l) + mean_l CE(u_:l, l)) / 2.

    The fine part has no negatives from other pairs: memory O(n (T P + T^2)), and nothing is
    gathered. Gradients flow through a. A token that likes all patches alike groups all of them
    equally. One temperature for both parts, learnt unless `learn_temperature=False`. `coarse` is
    the paper's, `fine` one of the four that it tries: 0.5, 1, 5 and 10. Means over the words are a
    caption's own, as in its equation (6); its pseudo-code takes one over all captions' words.
    Padding takes no part. With `token_ids` a word repeated in a caption is none of its own
    negatives.
    Shapes: anchor (n, P, d), patches; positive (n, T, d), tokens; masks (n, P) and (n, T), False
    for padding, at least one each; ids (n,): equal ids never meet in the coarse part; token_ids
    (n, T), integers that name the words.

    Example:
        >>> import torch
        >>> patches = torch.eye(8).view(4, 2, 8)
        >>> SPARC(0.01)(patches, patches).item() < 1e-6
        True
    """

    shapes = TOKENS

    temperature: Temperature = Temperature(0.07)
    learn_temperature: bool = True
    coarse: float = 0.5
    fine: float = 1.0

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        anchor_mask: Tensor | None = None,
        positive_mask: Tensor | None = None,
        ids: Tensor | None = None,
        token_ids: Tensor | None = None,
    ) -> Tensor:
        temperature, reduction = self.temperature(), self.reduction
        _, seen = tokens("anchor", anchor, anchor_mask)
        t_unit, read = tokens("positive", positive, positive_mask)
        v, t = wide(anchor), wide(positive)
        image, caption = _mean(v, seen), _mean(t, read)
        first = infonce(image, caption, ids=ids, temperature=temperature, reduction=reduction)
        grouped = unit(_group(t @ v.transpose(1, 2), seen) @ v)
        u = grouped @ t_unit.transpose(1, 2) / temperature
        # Padding tokens meet nobody; their own rows are left out of the mean.
        out = ~(read[:, :, None] & read[:, None, :])
        if token_ids is not None:
            out = out | (token_ids[:, :, None] == token_ids[:, None, :])
        own = torch.eye(u.shape[1], dtype=torch.bool, device=u.device)
        u = u.masked_fill(out & ~own, -torch.inf)
        ways = [-F.log_softmax(u, axis).diagonal(dim1=1, dim2=2) for axis in (1, 2)]
        words = torch.where(read, ways[0] + ways[1], 0).sum(1) / 2
        second = reduce(words / read.sum(1), reduction)
        return self.coarse * first + self.fine * second


def _group(scores: Tensor, seen: Tensor) -> Tensor:
    """The weights a of the patches (n, T, P) for every token."""
    out = ~seen[:, None]
    low = scores.masked_fill(out, torch.inf).amin(2, keepdim=True)
    span = scores.masked_fill(out, -torch.inf).amax(2, keepdim=True) - low
    flat = span == 0
    scaled = torch.where(flat, 1, (scores - low) / span.masked_fill(flat, 1))
    kept = (scaled >= 1 / seen.sum(1)[:, None, None]) & ~out
    scaled = torch.where(kept, scaled, 0)
    return scaled / scaled.sum(2, keepdim=True)


def _mean(x: Tensor, mask: Tensor) -> Tensor:
    """(n, d): the mean of the tokens that are there."""
    return (x * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
