"""Every row exactly once, no key twice in a batch, the length exact, the plan repeatable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.sampling.unique import UniqueBatches


@st.composite
def keys(draw):
    n = draw(st.integers(0, 60))
    distinct = draw(st.integers(1, 80))
    flat = draw(st.lists(st.integers(0, distinct), min_size=2 * n, max_size=2 * n))
    return np.array(flat, dtype=np.uint64).reshape(n, 2)


@given(keys=keys(), batch_size=st.integers(1, 9), seed=st.integers(0, 3), epoch=st.integers(0, 2))
def test_every_row_once_and_no_key_twice(keys, batch_size, seed, epoch):
    sampler = UniqueBatches(keys, batch_size, seed=seed)
    batches = sampler.epoch(epoch)
    rows = np.concatenate(batches) if batches else np.array([], dtype=int)
    assert sorted(rows.tolist()) == list(range(len(keys)))
    assert sampler.length(epoch) == len(batches)
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        row_sets = [set(keys[row].tolist()) for row in batch]
        assert len(set.union(*row_sets)) == sum(map(len, row_sets))


def test_the_plan_depends_on_seed_and_epoch_alone():
    keys = np.arange(100, dtype=np.uint64).reshape(-1, 1)
    first = UniqueBatches(keys, 7, seed=1)
    again = UniqueBatches(keys, 7, seed=1)
    again.epoch(0)  # asking for another epoch before changes nothing
    assert all(map(np.array_equal, first.epoch(3), again.epoch(3)))
    assert not np.array_equal(first.epoch(3)[0], first.epoch(4)[0])
    assert not np.array_equal(first.epoch(3)[0], UniqueBatches(keys, 7, seed=2).epoch(3)[0])


def test_without_duplicates_only_the_last_batch_is_short():
    keys = np.arange(20, dtype=np.uint64).reshape(10, 2)
    assert [len(batch) for batch in UniqueBatches(keys, 4).epoch(0)] == [4, 4, 2]


def test_a_row_whose_anchor_is_its_positive_is_no_duplicate_of_itself():
    keys = np.repeat(np.arange(8, dtype=np.uint64)[:, None], 2, axis=1)
    assert [len(batch) for batch in UniqueBatches(keys, 4).epoch(0)] == [4, 4]


def test_duplicates_are_spread_and_not_gathered_at_the_front():
    """Planted: every tenth row is one of two texts; their batches cover the epoch."""
    keys = np.arange(1000, dtype=np.uint64).reshape(-1, 1)
    keys[::10] = keys[::20].repeat(2, axis=0)  # 50 texts, each twice
    holders = [i for i, b in enumerate(UniqueBatches(keys, 10).epoch(0)) if (b % 10 == 0).any()]
    assert min(holders) < 10
    assert max(holders) > 90


def test_one_text_everywhere_gives_batches_of_one():
    keys = np.zeros((500, 1), dtype=np.uint64)
    assert [len(batch) for batch in UniqueBatches(keys, 64).epoch(0)] == [1] * 500


def test_a_batch_needs_a_row():
    with pytest.raises(InputError, match="batch_size: 0; expected at least 1"):
        UniqueBatches(np.zeros((1, 1), dtype=np.uint64), 0)
