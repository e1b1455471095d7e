"""Mixtures of an anchor's own negatives: what they are made of, and how near they come."""

from __future__ import annotations

import pytest
import torch

from dipole.errors import InputError
from dipole.sampling.mixed_lists import mixed_lists


def test_a_pair_is_mixed_of_two_and_a_list_of_all() -> None:
    q = torch.nn.functional.normalize(torch.tensor([[3.0, 2.0, 1.0, 0.0]]), dim=1)
    made = mixed_lists(q, torch.eye(4)[None], pairs=500)
    assert torch.allclose(made.norm(dim=-1), torch.ones(1, 501))
    parts = made[0, :-1] > 0
    assert (parts.sum(1) == 2).all()
    assert parts.float().mean(0).sub(0.5).abs().max() < 0.1  # each as often as the others
    share = made[0, :-1].sort(dim=1).values[:, 2:]
    share = share / share.sum(1, keepdim=True)
    # min(l, 1 - l) of Beta(2, 2) has the mean 5 / 16.
    assert abs(share[:, 0].mean() - 5 / 16) < 0.02
    w = (q[0] / 0.1).softmax(0)
    assert torch.allclose(made[0, -1], w / w.norm())


def test_mixtures_of_near_negatives_are_nearer_than_these() -> None:
    torch.manual_seed(0)
    q = torch.nn.functional.normalize(torch.randn(20, 16), dim=1)
    negatives = torch.nn.functional.normalize(q[:, None] + torch.randn(20, 7, 16) / 6, dim=2)
    before = torch.einsum("nd,nkd->nk", q, negatives)
    assert before.min() > 0  # a sum is shorter than its parts: divided by its length it is nearer
    made = torch.einsum("nd,nkd->nk", q, mixed_lists(q, negatives, pairs=50))
    assert (made.min(1).values >= before.min(1).values).all()
    assert (made[:, -1] >= before.mean(1)).all()
    assert made.mean() > before.mean()


def test_gradients_flow_to_the_negatives_alone() -> None:
    q, negatives = torch.randn(3, 5, requires_grad=True), torch.randn(3, 4, 5, requires_grad=True)
    mixed_lists(q, negatives).sum().backward()
    assert q.grad is None
    assert negatives.grad is not None
    assert (negatives.grad.abs().sum(-1) > 0).all()


def test_one_negative_is_too_few() -> None:
    with pytest.raises(InputError, match="found 1 of an anchor"):
        mixed_lists(torch.randn(2, 3), torch.randn(2, 1, 3))
    with pytest.raises(InputError, match=r"expected \(n, k, d\)"):
        mixed_lists(torch.randn(2, 3), torch.randn(3, 2, 3))
