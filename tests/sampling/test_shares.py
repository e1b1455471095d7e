"""Every source has its share, whatever its size; a plan is a function of seed and epoch."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.sampling.shares import Shares

GROUPS = np.array([0] * 300 + [1] * 40 + [2] * 60)


def counts(batch):
    return np.bincount(GROUPS[batch], minlength=3)


@pytest.mark.parametrize("shares", [[0.5, 0.25, 0.25], [0.7, 0.1, 0.2], [1, 1, 1]])
def test_shares_are_exact_at_every_moment(shares):
    plan = Shares(GROUPS, shares, 32, seed=1)
    exact = np.array(shares) / np.sum(shares)
    seen = np.zeros(3)
    for epoch in range(3):
        for number, batch in enumerate(plan.epoch(epoch), 1):
            seen += counts(batch)
            rows = epoch * plan.batches * 32 + number * 32
            # Within an epoch half a row and half a row per source; rounding adds one per epoch.
            assert (np.abs(seen - exact * rows) < 0.5 + 1.5 * exact + epoch + 1).all()
    assert seen.sum() == 3 * plan.batches * 32


def test_halves_are_halves_in_every_batch():
    plan = Shares(GROUPS[:340], [1, 1], 32)
    assert all(counts(batch)[:2].tolist() == [16, 16] for batch in plan.epoch(0))


def test_a_source_is_walked_through_before_a_row_comes_again():
    plan = Shares(GROUPS, [1, 1, 1], 30)
    rows = np.concatenate([b for epoch in range(4) for b in plan.epoch(epoch)])
    for source in range(3):
        own = rows[GROUPS[rows] == source]
        size = (source == GROUPS).sum()
        for start in range(0, len(own) - size + 1, size):
            assert len(np.unique(own[start : start + size])) == size


def test_a_plan_is_a_function_of_seed_and_epoch():
    first, second = (Shares(GROUPS, [3, 1, 1], 32, seed=5) for _ in range(2))
    later = second.epoch(2)
    for epoch in range(3):
        found = first.epoch(epoch)
    assert all(np.array_equal(a, b) for a, b in zip(found, later, strict=True))
    other = Shares(GROUPS, [3, 1, 1], 32, seed=6).epoch(2)
    assert not all(np.array_equal(a, b) for a, b in zip(found, other, strict=True))


def test_rows_of_equal_text_never_meet():
    keys = (np.arange(len(GROUPS)) // 2).astype(np.uint64)[:, None]
    for batch in Shares(GROUPS, [1, 1, 1], 24, keys=keys).epoch(0):
        assert len(np.unique(keys[batch])) == len(batch)


def test_a_share_that_a_source_cannot_give():
    with pytest.raises(InputError, match="source 2 has 40 rows and is asked for 120 in a batch"):
        Shares(GROUPS[:340], [1, 3], 160)
    with pytest.raises(InputError, match="expected 3 numbers above 0"):
        Shares(GROUPS, [1, 2], 8)
