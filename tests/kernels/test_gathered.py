"""Two and four real processes against one: statistics and gradients, shards of any size."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from dipole.kernels import Stats, using
from support import distributed
from support.programs import Case, differences

SHARDS = {2: [(3, 4), (2, 5), (0, 3)], 4: [(2, 2), (1, 3), (4, 1), (2, 2)]}


def shard(case, rows, columns, rank):
    a, b = sum(rows[:rank]), sum(columns[:rank])
    return case.shard(slice(a, a + rows[rank]), slice(b, b + columns[rank]))


def one_rank(executor, seeds, n, m):
    """The statistics of every seed's case on this rank's shard, and gradients."""
    rank = dist.get_rank()
    with using(tile=(3, 2)):
        return [
            shard(Case.draw(seed, sum(n), sum(m)), n, m, rank).run(executor=executor)
            for seed in seeds
        ]


def together(answers, names):
    """The ranks' answers joined: rows and columns in order, shared gradients summed."""
    stats = Stats(
        *(
            tuple(
                None if parts[0] is None else torch.cat(parts)
                for parts in zip(*(stats[field] for stats, _ in answers), strict=True)
            )
            if field != 2
            else answers[0][0].all
            for field in range(5)
        )
    )
    grads = {}
    for name in answers[0][1]:
        parts = [grads[name] for _, grads in answers]
        grads[name] = sum(parts) if parts[0].dim() == 0 else torch.cat(parts)
    return stats, grads


@pytest.mark.parametrize("executor", ["gathered", "ring"])
@pytest.mark.parametrize(
    "sizes", [([4, 4], [5, 5]), ([3, 6], [5, 2]), ([2, 1, 4, 3], [1, 4, 2, 6])]
)
def test_many_processes_are_one(executor, sizes):
    n, m = sizes
    seeds = range(40)
    found = distributed.run(len(n), one_rank, executor, seeds, n, m)
    for seed in seeds:
        case = Case.draw(seed, sum(n), sum(m))
        stats, grads = case.run(executor="dense")
        # Each rank's loss has the job's `all` statistics in it, so the sum has them p times.
        if case.all:
            case_all = Case(case.score, case.temperature, [], [], case.all, case.tensors)
            _, extra = case_all.run(executor="dense")
            grads = {name: g + (len(n) - 1) * extra[name] for name, g in grads.items()}
        off = differences(together([answers[seed] for answers in found], None), (stats, grads))
        assert max(off.values()) < 1e-12, (seed, case.row, case.column, case.all, off)
