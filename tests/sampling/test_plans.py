"""Numbers of groups, their members, their random order."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.sampling.plans import Plan, check_groups, members, shuffled


def test_groups_get_numbers_whatever_they_are_called():
    assert check_groups(np.array(["b", "a", "b"])).tolist() == [1, 0, 1]
    with pytest.raises(InputError, match=r"labels: found shape \(2, 2\); expected \(n,\)"):
        check_groups(np.eye(2), "labels")


def test_members_and_order():
    groups = np.array([1, 0, 1, 2])
    assert [rows.tolist() for rows in members(groups)] == [[1], [0, 2], [3]]
    order = shuffled(groups, np.random.default_rng(0), last=np.array([False, True, False]))
    assert sorted(order.tolist()) == [0, 1, 2, 3]
    assert groups[order][-2:].tolist() == [1, 1]


def test_a_length_is_that_of_the_plan_and_counted_once():
    class Counted(Plan):
        made = 0

        def _plan(self, rng):
            self.made += 1
            return [np.arange(2)] * int(rng.integers(1, 9))

    plan = Counted(2, seed=1)
    lengths = [len(Counted(2, seed=1).epoch(e)) for e in (0, 1, 0)]
    assert [plan.length(e) for e in (0, 1, 0)] == lengths
    assert plan.made == 2
