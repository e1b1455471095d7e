"""One view of all objectives of preferences: how hard each pushes the likelihood of an answer."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective


def gradient_coefficients(
    objective: Objective, logps: Tensor, ref_logps: Tensor, ratings: Tensor, lengths: Tensor
) -> Tensor:
    """delta (n, k) of an objective whose gradient is

        grad L = - mean over prompts of sum_k delta_k grad log pi(y_k | x),

    log pi a sum over tokens: above 0 an answer is made likelier, below 0 less likely. The
    objective is given whichever of sums, means and tokens it takes, the tokens of an answer all as
    likely. A draw between two that gradients cannot tell goes to autograd's choice.

    Args:
        logps, ref_logps: (n, k) log-probabilities under policy and reference, the best answer
            first; ratings, lengths: (n, k), lengths in tokens.

    Source: Gao et al. 2024, Towards a Unified View of Preference Learning for Large Language
    Models: A Survey, arXiv 2409.02795.

    Example:
        >>> from dipole.objectives import DPO
        >>> zeros, ratings = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
        >>> gradient_coefficients(DPO(), zeros, zeros, ratings, torch.full((1, 2), 4))
        tensor([[ 0.0500, -0.0500]])
    """
    leaf = logps.detach().clone().requires_grad_()
    loss = objective(**objective.pick(batch_of(leaf, ref_logps, ratings, lengths)))
    (slope,) = torch.autograd.grad(loss, leaf)
    return -len(logps) * slope


def batch_of(
    logps: Tensor, ref_logps: Tensor, ratings: Tensor, lengths: Tensor
) -> dict[str, Tensor]:
    """All that an objective of preferences may take, made of sums over tokens."""
    there = torch.arange(int(lengths.max()), device=lengths.device) < lengths[:, :, None]
    found = {"ratings": ratings, "lengths": lengths}
    for start, sums in (("", logps), ("ref_", ref_logps)):
        means = sums / lengths
        found |= {f"{start}logps": sums, f"{start}mean_logps": means}
        found[f"{start}token_logps"] = torch.where(there, means[:, :, None], 0)
    return found
