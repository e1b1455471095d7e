"""Sinkhorn against POT, and its marginals."""

import numpy as np
import ot
import pytest
import torch
from torch.autograd import gradcheck

from dipole.errors import InputError
from dipole.kernels.sinkhorn import sinkhorn
from support import distributed


def draw(n=6, m=4):
    return torch.randn(n, m, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_converges_to_the_plan_of_pot(temperature):
    scores = draw()
    rows = torch.tensor([0.1, 0.1, 0.2, 0.2, 0.3, 0.1], dtype=torch.float64)
    columns = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    found = sinkhorn(scores, temperature=temperature, iterations=500, rows=rows, columns=columns)
    wanted = ot.sinkhorn(
        rows.numpy(),
        columns.numpy(),
        -scores.numpy(),
        temperature,
        method="sinkhorn_log",
        numItermax=20_000,
        stopThr=1e-14,
    )
    np.testing.assert_allclose(found.exp().numpy(), wanted, atol=1e-10)


def test_three_iterations_are_three_scalings_of_the_matrix():
    scores = draw(5, 3)
    q = (scores / 0.3).exp()
    for _ in range(3):
        q = q / q.sum(0, keepdim=True) / 3
        q = q / q.sum(1, keepdim=True) / 5
    torch.testing.assert_close(sinkhorn(scores, temperature=0.3).exp(), q)


def test_marginals_within_a_thousandth_after_50_iterations():
    plan = sinkhorn(draw(64, 8) / 4, temperature=0.05, iterations=50).exp()
    assert (plan.sum(1) - 1 / 64).abs().max() < 1e-15
    assert (plan.sum(0) - 1 / 8).abs().max() < 1e-3


def test_no_temperature_overflows():
    for temperature in (1e-4, 1e4):
        plan = sinkhorn(draw().float() * 100, temperature=temperature, iterations=50).exp()
        torch.testing.assert_close(plan.sum(1), torch.full((6,), 1 / 6))


def test_pairs_that_may_not_meet_and_a_row_without_any():
    scores = draw().clone()
    scores[0, 1] = scores[2] = -torch.inf
    scores.requires_grad_()
    plan = sinkhorn(scores, temperature=1.0, iterations=5).exp()
    assert plan[0, 1] == 0
    assert not plan[2].any()
    assert plan[0].sum().item() == pytest.approx(1 / 6)
    assert torch.autograd.grad(plan.square().sum(), scores)[0].isfinite().all()


def test_problems_in_a_batch_are_solved_apart():
    scores = torch.stack([draw(), draw() + 1, -draw()])
    apart = torch.stack([sinkhorn(one, temperature=0.5) for one in scores])
    torch.testing.assert_close(sinkhorn(scores, temperature=0.5), apart)


def test_gradient():
    def plan(scores, temperature):
        return sinkhorn(scores, temperature=temperature, iterations=4).exp()

    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(plan, (draw().requires_grad_(), temperature), fast_mode=True)


def part(rank_rows):
    import torch.distributed as dist

    rank = dist.get_rank()
    start = sum(rank_rows[:rank])
    scores = draw()[start : start + rank_rows[rank]]
    return sinkhorn(scores, temperature=0.3, everywhere=True)


def test_rows_of_all_processes_are_one_problem():
    found = torch.cat(distributed.run(2, part, (2, 4)))
    torch.testing.assert_close(found, sinkhorn(draw(), temperature=0.3))


def test_no_iteration():
    with pytest.raises(InputError, match="iterations: found 0, expected at least 1"):
        sinkhorn(draw(), iterations=0)
