"""Moments of a batch, on one process and on several."""

import torch
import torch.distributed as dist

from dipole.objectives.dimensions.moments import (
    centred,
    cross,
    largest_everywhere,
    root,
    total_everywhere,
)
from support import distributed


def draw():
    return torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def found(x):
    x = x.requires_grad_()
    moved, size = centred(x)
    value = cross(moved, moved) / size
    loss = value.square().sum() + largest_everywhere(x) + total_everywhere(x.sum())
    return value.detach(), torch.autograd.grad(loss, x)[0]


def share(rows):
    start = sum(rows[: dist.get_rank()])
    return found(draw()[start : start + rows[dist.get_rank()]])


def test_several_processes_see_the_whole_batch():
    """The same value everywhere; gradients are those of the sum of all processes' losses."""
    parts = distributed.run(2, share, (3, 4))
    x = draw()
    torch.testing.assert_close(parts[0][0], torch.cov(x.T, correction=0))
    torch.testing.assert_close(parts[1][0], parts[0][0])
    value, _ = found(x)
    torch.testing.assert_close(value, parts[0][0])
    leaf = draw().requires_grad_()
    loss = torch.cov(leaf.T, correction=0).square().sum() + leaf.max() + leaf.sum()
    (wanted,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(torch.cat([gradient for _, gradient in parts]) / 2, wanted)


def test_the_root_of_0_has_no_gradient():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    assert root(x).tolist() == [0, 2]
    assert torch.autograd.grad(root(x).sum(), x)[0].tolist() == [0, 0.25]
