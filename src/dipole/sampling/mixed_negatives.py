"""Negatives that are made, not found: mixes of hard ones (MoCHi), noise that learns to be hard."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import pairs, top
from dipole.kernels.draws import for_rows


@torch.no_grad()
def mixed_negatives(
    anchor: Tensor,
    negative: Tensor,
    *,
    hardest: int = 1024,
    mixes: int = 1024,
    with_anchor: int = 128,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Harder negatives for every anchor q, from the `hardest` entries of a queue by cosine,

        mixes:        normalise(a n_i + (1 - a) n_j),   a uniform in (0, 1)
        with_anchor:  normalise(b q   + (1 - b) n_j),   b uniform in (0, 1/2),

    drawn with replacement. Unit vectors without gradient, (n, mixes + with_anchor, d), for the
    `candidates` of `QueueInfoNCE`. Shapes: anchor (n, d), negative (m, d). The result is the
    largest thing here: hand over the anchors in pieces if it does not fit.
    Source: Kalantidis et al. 2020, Hard Negative Mixing for Contrastive Learning, arXiv 2010.01028.
    """
    if hardest < 1 or not len(negative):
        raise InputError(
            f"hardest: found {hardest} of {len(negative)} negatives, expected at least 1 of 1"
        )
    q, queue = F.normalize(anchor, dim=-1), F.normalize(negative, dim=-1)
    kept = min(hardest, len(queue))
    found = pairs(q, queue, row=[top(kept)], replicated=True).row_index[0]
    assert found is not None

    def draw(rows: int) -> dict[str, Tensor]:
        """Shares, and places among an anchor's hardest."""
        one, two = (rows, mixes), (rows, with_anchor)
        at = _device(generator, q)
        found = {
            name: torch.randint(kept, size, generator=generator, device=at)
            for name, size in {"i": one, "j": one, "k": two}.items()
        }
        found["a"] = torch.rand(one, generator=generator, device=at)
        found["b"] = torch.rand(two, generator=generator, device=at) / 2
        return found

    drawn = {name: x.to(q.device) for name, x in for_rows(draw, len(q)).items()}
    a, b = (drawn[name][:, :, None].to(q.dtype) for name in "ab")
    i, j, k = (queue[found.gather(1, drawn[name])] for name in "ijk")
    first = a * i + (1 - a) * j
    second = b * q[:, None] + (1 - b) * k
    return F.normalize(torch.cat([first, second], 1), dim=-1)


def noise_negatives(
    loss: Callable[[Tensor], Tensor],
    noise: Tensor,
    *,
    steps: int = 4,
    size: float = 1e-3,
) -> Tensor:
    """Noise (m, d) after `steps` of gradient ascent on the loss, for the regions no negative fills:

        e <- e + size g / ||g||,   g = d loss(e) / d e.

    `loss` is the objective as a function of its extra negatives, with everything else detached;
    draw `noise` from a standard normal, one to two and a half per sentence. A vector without
    gradient stays. The result has no gradient.

    Example:
        >>> import torch
        >>> from dipole.objectives import InfoNCE
        >>> a, p, noise = torch.randn(4, 8), torch.randn(4, 8), torch.randn(4, 8)
        >>> objective = InfoNCE(symmetric=False)
        >>> harder = noise_negatives(lambda e: objective(a, p, negative=e), noise)
        >>> bool(objective(a, p, negative=harder) > objective(a, p, negative=noise))
        True

    Source: Zhou et al. 2022, Debiased Contrastive Learning of Unsupervised Sentence
    Representations, arXiv 2205.00656.
    """
    moved = noise.detach()
    for _ in range(steps):
        leaf = moved.clone().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(leaf), leaf)
        length = torch.linalg.vector_norm(gradient, dim=-1, keepdim=True)
        moved = moved + size * gradient / length.masked_fill(length == 0, 1)
    return moved


def _device(generator: torch.Generator | None, x: Tensor) -> torch.device:
    """Where a generator draws: its own device."""
    return x.device if generator is None else generator.device
