"""Properties on any groups, and on data whose truth is known."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.sampling.grouped import GroupsApart, GroupsTogether, OneSource, PerClass, apportion


@st.composite
def rows(draw):
    n = draw(st.integers(1, 60))
    groups = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    keys = draw(st.lists(st.integers(0, 90), min_size=n, max_size=n))
    return np.array(groups), np.array(keys, dtype=np.uint64)[:, None]


def once(batches, n):
    return sorted(np.concatenate(batches).tolist()) == list(range(n))


def no_key_twice(batches, keys):
    return all(len(set(keys[b, 0].tolist())) == len(b) for b in batches)


@given(rows=rows(), size=st.integers(1, 9), seed=st.integers(0, 2), epoch=st.integers(0, 2))
def test_together(rows, size, seed, epoch):
    groups, keys = rows
    plan = GroupsTogether(groups, size, keys=keys, seed=seed)
    batches = plan.epoch(epoch)
    assert once(batches, len(groups))
    assert plan.length(epoch) == len(batches)
    assert all(1 <= len(batch) <= size for batch in batches)
    assert no_key_twice(batches, keys)


@given(rows=rows(), size=st.integers(1, 9), seed=st.integers(0, 2), epoch=st.integers(0, 2))
def test_apart(rows, size, seed, epoch):
    groups, keys = rows
    for plan in (
        GroupsApart(groups, size, seed=seed),
        GroupsApart(groups, size, keys=keys, seed=seed),
    ):
        batches = plan.epoch(epoch)
        assert once(batches, len(groups))
        assert plan.length(epoch) == len(batches)
        assert all(len(set(groups[batch].tolist())) == len(batch) <= size for batch in batches)
    assert no_key_twice(batches, keys)
    without = GroupsApart(groups, size, seed=seed).epoch(epoch)
    largest = Counter(groups.tolist()).most_common()[0][1]
    assert len(without) == max(-(-len(groups) // size), largest)


@given(
    rows=rows(),
    size=st.integers(1, 9),
    power=st.sampled_from([0.0, 0.5, 1.0]),
    epoch=st.integers(0, 2),
)
def test_one_source(rows, size, power, epoch):
    groups, keys = rows
    plan = OneSource(groups, size, keys=keys, power=power, seed=1)
    batches = plan.epoch(epoch)
    assert plan.length(epoch) == len(batches) == plan.length(0) or power == 1
    assert all(len(set(groups[batch].tolist())) == 1 and len(batch) <= size for batch in batches)
    assert no_key_twice(batches, keys)
    if power == 1:
        assert once(batches, len(groups))


@given(rows=rows(), per_class=st.integers(1, 3), slots=st.integers(2, 4), epoch=st.integers(0, 1))
def test_per_class(rows, per_class, slots, epoch):
    groups, _ = rows
    sizes = Counter(groups.tolist())
    if len(sizes) == 1:
        return
    plan = PerClass(groups, per_class * slots, per_class=per_class, seed=2)
    batches = plan.epoch(epoch)
    lots = sum(max(size // per_class, 1) for size in sizes.values())
    assert plan.length(epoch) == len(batches) == -(-lots // slots)
    for batch in batches:
        assert len(set(batch.tolist())) == len(batch) <= per_class * slots
        counts = Counter(groups[batch].tolist())
        assert len(counts) >= min(len(sizes), slots, 2)
        for k, count in counts.items():
            assert count % per_class == 0 or count == sizes[k]


@pytest.mark.parametrize("sizes", [(2000, 100), (1000, 50, 50), (500, 500), (300, 20, 10, 5)])
def test_every_batch_is_filled_from_several_classes_whatever_their_sizes(sizes):
    """Planted: a few unequal classes. No batch holds one alone, and all but its smallest parts
    are full; rows of the small ones come again after all others of their class."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    batches = PerClass(labels, 32, per_class=4).epoch(0)
    assert len(batches) == pytest.approx(sum(sizes) / 32, abs=1)
    for batch in batches:
        counts = Counter(labels[batch].tolist())
        assert len(counts) >= min(len(sizes), 3)
        assert max(counts.values()) <= 16
        assert len(batch) == len(set(batch.tolist())) == 32
    times = np.bincount(np.concatenate(batches), minlength=len(labels))
    for k in range(len(sizes)):
        own = times[labels == k]
        assert own.max() - own.min() <= 1


def test_many_classes_come_about_once():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(200), 20))
    batches = PerClass(labels, 32, per_class=4).epoch(0)
    assert len(batches) == 125
    assert sorted(np.concatenate(batches).tolist()) == list(range(4000))
    assert all(set(Counter(labels[b].tolist()).values()) == {4} for b in batches)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: GroupsTogether(np.arange(100) % 7, 8, seed=seed),
        lambda seed: GroupsApart(np.arange(100) % 13, 8, seed=seed),
        lambda seed: OneSource(np.arange(100) % 3, 8, seed=seed),
        lambda seed: OneSource(np.arange(100) % 3 % 2, 8, power=0.5, seed=seed),
        lambda seed: PerClass(np.arange(100) % 10, 8, seed=seed),
    ],
)
def test_a_plan_depends_on_seed_and_epoch_alone(make):
    first, again, other = make(1), make(1), make(2)
    again.epoch(0)
    assert all(map(np.array_equal, first.epoch(3), again.epoch(3)))
    assert not np.array_equal(np.concatenate(first.epoch(3)), np.concatenate(first.epoch(4)))
    assert not np.array_equal(np.concatenate(first.epoch(3)), np.concatenate(other.epoch(3)))


def test_whole_groups_that_divide_the_batch_are_never_cut():
    """50 groups of 4 and one of 3: batches of 8 hold two whole groups each."""
    groups = np.random.default_rng(0).permutation(np.append(np.arange(200) // 4, [50] * 3))
    for batch in GroupsTogether(groups, 8).epoch(0):
        assert set(Counter(groups[batch].tolist()).values()) <= {4, 3}


def test_copies_in_a_cluster_are_parted():
    """Planted: each cluster is ten copies of two texts; no batch has a text twice."""
    groups = np.repeat(np.arange(20), 20)
    keys = (np.arange(400) // 10).astype(np.uint64)[:, None]
    batches = GroupsTogether(groups, 8, keys=keys).epoch(0)
    assert once(batches, 400)
    assert no_key_twice(batches, keys)
    assert len(batches) < 60  # not one batch for each


def test_small_sources_come_again_below_power_one():
    """n = 1600, 100: 1 / 17 of the batches at power 1, 1 / 5 at 1/2, half at 0."""
    sources = np.repeat([0, 1], [1600, 100])
    shares = []
    for power in (1.0, 0.5, 0.0):
        plan = OneSource(sources, 10, power=power)
        shares.append(np.mean([sources[batch[0]] for e in range(4) for batch in plan.epoch(e)]))
    np.testing.assert_allclose(shares, [1 / 17, 1 / 5, 1 / 2], atol=1e-9)
    large = np.concatenate([b for e in range(2) for b in plan.epoch(e) if sources[b[0]] == 0])
    assert len(large) == 1700
    assert len(set(large.tolist())) == 1600  # all of them before any comes again


def test_apportion_by_hand():
    assert apportion(np.array([3.0, 1.0, 1.0]), 10).tolist() == [6, 2, 2]
    assert apportion(np.array([98.0, 1.0, 1.0]), 10).tolist() == [8, 1, 1]  # everyone is heard
    assert apportion(np.array([5.0, 3.0, 1.0]), 2).tolist() == [1, 1, 0]


def test_one_class_is_refused():
    with pytest.raises(InputError, match="labels: found one class; expected two or more"):
        PerClass(np.zeros(64), 8)


def test_wrong_settings_are_named():
    with pytest.raises(InputError, match="per_class: found 5 with batch size 8"):
        PerClass(np.zeros(9), 8, per_class=5)
    with pytest.raises(InputError, match="power: found 2, expected between 0 and 1"):
        OneSource(np.zeros(9), 8, power=2)
