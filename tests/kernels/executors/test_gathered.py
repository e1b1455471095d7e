"""Two and four real processes against one: statistics and gradients, shards of any size."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from dipole.kernels import lse, own, pairs, total
from support import distributed
from support.programs import Case, difference, differences, in_one_process, joined, on_rank

SHARDS = [([4, 4], [5, 5]), ([3, 6], [5, 2]), ([2, 1, 4, 3], [1, 4, 2, 6])]


@pytest.mark.parametrize(("n", "m"), SHARDS)
def test_many_processes_are_one(n, m):
    seeds = range(20)
    found = distributed.run(len(n), on_rank, "gathered", seeds, n, m)
    for seed in seeds:
        case = Case.draw(seed, sum(n), sum(m))
        answers = [answers[seed] for answers in found]
        off = differences(joined(answers), in_one_process(case, len(n)))
        assert max(off.values()) < 1e-12, (seed, case.row, case.column, case.all, off)


def draw(n, m, d):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(k, d, generator=generator, dtype=torch.float64).requires_grad_() for k in (n, m)
    ]


def of_replicated(rows, n, m):
    """Everybody's rows against the same columns."""
    q, k = draw(n, m, 3)
    first = sum(rows[: dist.get_rank()])
    mine = q[first : first + rows[dist.get_rank()]]
    stats = pairs(mine, k, row=[lse()], column=[lse()], all=[total(torch.tanh)], replicated=True)
    (stats.row[0].sum() + stats.column[0].square().sum() + stats.all[0]).backward()
    return stats.row[0].detach(), stats.column[0].detach(), stats.all[0].detach(), q.grad, k.grad


def test_replicated_columns_stay_where_they_are():
    rows, m = [2, 5], 4
    answers = distributed.run(2, of_replicated, rows, sum(rows), m)
    q, k = draw(sum(rows), m, 3)
    stats = pairs(q, k, row=[lse()], column=[lse()], all=[total(torch.tanh)], executor="dense")
    (stats.row[0].sum() + 2 * (stats.column[0].square().sum() + stats.all[0])).backward()
    assert difference(torch.cat([a[0] for a in answers]), stats.row[0].detach()) < 1e-12
    for answer in answers:
        assert difference(answer[1], stats.column[0].detach()) < 1e-12
        assert difference(answer[2], stats.all[0].detach()) < 1e-12
    assert difference(answers[0][3] + answers[1][3], q.grad) < 1e-12
    assert difference(answers[0][4] + answers[1][4], k.grad) < 1e-12


def loss_of(anchor, positive, temperature):
    stats = pairs(anchor, positive, temperature=temperature, row=[lse()], column=[lse()])
    own_scores = own(anchor, positive, temperature=temperature)
    return ((stats.row[0] + stats.column[0]) / 2 - own_scores).mean()


def model_and_data():
    torch.manual_seed(0)
    model = torch.nn.Linear(5, 3, dtype=torch.float64)
    model.register_parameter("log_t", torch.nn.Parameter(torch.tensor(-1.0, dtype=torch.float64)))
    return model, torch.randn(2, 8, 5, dtype=torch.float64)


class Contrast(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return loss_of(self.model(x[0]), self.model(x[1]), self.model.log_t.exp())


def under_ddp():
    """The gradient of a data-parallel step on this rank's share of the batch."""
    model, x = model_and_data()
    step = torch.nn.parallel.DistributedDataParallel(Contrast(model))
    share = x.shape[1] // dist.get_world_size()
    step(x[:, dist.get_rank() * share :][:, :share]).backward()
    return [p.grad for p in model.parameters()]


@pytest.mark.parametrize("processes", [2, 4])
def test_data_parallel_step_is_the_step_of_the_whole_batch(processes):
    """The ratio of the gradients is 1: each rank's local mean, averaged."""
    model, x = model_and_data()
    Contrast(model)(x).backward()
    for grads in distributed.run(processes, under_ddp):
        for found, parameter in zip(grads, model.parameters(), strict=True):
            assert difference(found, parameter.grad) < 1e-12
