"""The ring against one process: statistics and gradients, shards of any size, an empty one too."""

from __future__ import annotations

import pytest

from support import distributed
from support.programs import Case, differences, in_one_process, joined, on_rank


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
