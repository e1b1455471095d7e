"""The first epochs see the easiest rows only, the last ones all."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.sampling.curriculum import Curriculum


def rows(plan, epoch):
    return np.sort(np.concatenate(plan.epoch(epoch)))


def test_each_epoch_sees_the_easiest_part():
    difficulty = np.random.default_rng(0).permutation(100).astype(float)
    plan = Curriculum(difficulty, 8, start=0.2, over=3)
    for epoch in range(5):
        part = min(1.0, (0.04 + 0.96 * epoch / 3) ** 0.5)
        assert difficulty[rows(plan, epoch)].max() == np.ceil(part * 100) - 1
        assert len(rows(plan, epoch)) == np.ceil(part * 100)
        assert plan.length(epoch) == len(plan.epoch(epoch))


def test_seed_and_epoch_decide():
    difficulty = np.arange(50.0)
    a, b = Curriculum(difficulty, 8, seed=1), Curriculum(difficulty, 8, seed=1)
    b.epoch(0)
    assert all(np.array_equal(x, y) for x, y in zip(a.epoch(3), b.epoch(3), strict=True))


def test_rows_of_equal_text_never_meet():
    keys = (np.arange(40) // 4).astype(np.uint64)[:, None]
    for batch in Curriculum(np.arange(40.0), 8, keys=keys).epoch(9):
        assert len(np.unique(keys[batch])) == len(batch)


@pytest.mark.parametrize("wrong", [{"start": 0}, {"start": 1.5}, {"over": 0}])
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(InputError, match="expected"):
        Curriculum(np.arange(4.0), 2, **wrong)
