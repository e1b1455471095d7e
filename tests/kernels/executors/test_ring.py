"""The ring against one process: statistics and gradients, shards of any size, an empty one too."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from dipole.kernels import lse, pairs
from support import distributed
from support.programs import Case, difference, differences, in_one_process, joined, on_rank


@pytest.mark.parametrize(
    ("n", "m"), [([4, 4], [5, 5]), ([3, 6], [7, 0]), ([2, 1, 4, 3], [1, 4, 2, 6])]
)
def test_many_processes_are_one(n, m):
    seeds = range(20)
    found = distributed.run(len(n), on_rank, "ring", seeds, n, m)
    for seed in seeds:
        case = Case.draw(seed, sum(n), sum(m))
        answers = [answers[seed] for answers in found]
        off = differences(joined(answers), in_one_process(case, len(n)))
        assert max(off.values()) < 1e-12, (seed, case.row, case.column, case.all, off)


def of_very_different_lengths():
    """One rank's scores are small, the other's overflow any exponential."""
    torch.manual_seed(0)
    z = torch.randn(6, 3, dtype=torch.float64)
    z[3:] *= 100
    first = 3 * dist.get_rank() if dist.is_initialized() else 0
    mine = z[first : first + 3] if dist.is_initialized() else z
    stats = pairs(mine, mine, row=[lse()], column=[lse()], executor="ring")
    return stats.row[0], stats.column[0]


def test_all_ranks_agree_on_what_may_overflow():
    answers = distributed.run(2, of_very_different_lengths)
    for k, wanted in enumerate(of_very_different_lengths()):
        assert difference(torch.cat([answer[k] for answer in answers]), wanted) < 1e-12
