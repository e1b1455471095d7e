"""Rows that may not meet, against a double loop over the definition, in every sampler."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.data import Pairs
from dipole.sampling.curriculum import Curriculum
from dipole.sampling.grouped import GroupsApart, GroupsTogether, OneSource
from dipole.sampling.known import KnownPairs
from dipole.sampling.shares import Shares
from dipole.sampling.unique import UniqueBatches, in_company


@st.composite
def pairs(draw):
    n = draw(st.integers(1, 25))
    flat = draw(st.lists(st.integers(0, 12), min_size=2 * n, max_size=2 * n))
    return np.array(flat, dtype=np.uint64).reshape(n, 2)


def related(keys, r, s):
    """They share a text, or some row holds a text of each."""
    joined = {frozenset(row) for row in keys.tolist()}
    return any(a == b or frozenset((a, b)) in joined for a in keys[r] for b in keys[s])


@given(keys=pairs())
def test_who_may_meet_by_the_definition(keys):
    known = KnownPairs(keys)
    for r in range(len(keys)):
        for s in range(len(keys)):
            if r != s:
                assert known.may_meet(r, s) == (not related(keys.astype(int), r, s))
            if not known.may_meet(r, s) and r != s:
                assert known.crowded[r]


@given(keys=pairs(), part=st.integers(0, 2**25 - 1))
def test_a_part_knows_what_all_rows_say(keys, part):
    rows = np.array([i for i in range(len(keys)) if part >> i & 1], dtype=int)
    known = KnownPairs(keys).of_rows(rows)
    for r in range(len(rows)):
        for s in range(len(rows)):
            if r != s:
                apart = related(keys.astype(int), rows[r], rows[s])
                assert known.may_meet(r, s) == (not apart)
                assert known.crowded[r] or not apart


@given(keys=pairs())
def test_no_negatives_by_the_definition(keys):
    """Of a batch of one row: its anchor, and what other rows pair with that."""
    known = KnownPairs(keys)
    for r, (anchor, positive) in enumerate(keys.tolist()):
        partners = {b for pair in keys.tolist() for a, b in (pair, pair[::-1]) if a == anchor}
        rows = np.array([r])
        assert set(known.no_negatives(rows, own=True).tolist()) == {anchor, positive} | partners
        expected = ({anchor} | partners) - {positive}
        assert set(known.no_negatives(rows, own=False).tolist()) == expected


@given(keys=pairs(), size=st.integers(1, 6), seed=st.integers(0, 2))
def test_no_sampler_lets_them_meet(keys, size, seed):
    groups = np.arange(len(keys)) % 2
    plans = [
        UniqueBatches(keys, size, seed=seed),
        GroupsTogether(groups, size, keys=keys, seed=seed),
        GroupsApart(groups, size, keys=keys, seed=seed),
        OneSource(groups, size, keys=keys, seed=seed),
        Curriculum(np.arange(len(keys)), size, start=1, keys=keys, seed=seed),
    ]
    if len(keys) > 2 * size:
        plans.append(Shares(np.zeros(len(keys)), [1], size, keys=keys, seed=seed))
    for plan in plans:
        for batch in plan.epoch(1):
            for i, r in enumerate(batch.tolist()):
                for s in batch[:i].tolist():
                    assert not related(keys.astype(int), r, s)


def test_no_false_negative_in_batches_of_a_multi_positive_set():
    """Planted: 300 anchors with 1 to 5 of 500 positives; of all negatives that batches make, none
    is a positive of its anchor by any row."""
    rng = np.random.default_rng(0)
    drawn = [(a, 300 + p) for a in range(300) for p in rng.choice(500, rng.integers(1, 6), False)]
    keys = np.array(drawn, dtype=np.uint64)
    positive = set(map(tuple, keys.tolist()))
    batches = UniqueBatches(keys, 32).epoch(0)
    found = [
        (int(keys[r, 0]), int(keys[s, 1])) in positive
        for batch in batches
        for r in batch
        for s in batch
        if r != s
    ]
    assert len(found) > 20_000
    assert not any(found)
    assert np.mean([len(batch) for batch in batches]) > 24


def test_a_set_without_repeats_has_no_relation():
    keys = np.arange(200, dtype=np.uint64).reshape(-1, 2)
    known = KnownPairs(keys)
    assert not known.crowded.any()
    assert not known._beyond
    assert not len(known._partners)


def test_the_same_text_in_another_form_is_a_repeat():
    from dipole.training.batches import unique_keys

    texts = [
        "Caf\u00e9 Gr\u00f6\u00dfe",
        "Cafe\u0301 Gro\u0308\u00dfe",
        "Caf\u00e9  Gr\u00f6\u00dfe\n",
    ]
    examples = Pairs.from_columns({"anchor": ["q1", "q2", "q3"], "positive": texts})
    assert len(UniqueBatches(unique_keys(examples), 3).epoch(0)) == 3


def test_a_row_alone_gets_company():
    assert sorted(map(len, UniqueBatches(np.zeros((9, 0), np.uint64), 4).epoch(0))) == [2, 3, 4]
    known = KnownPairs(np.array([[1], [1], [2], [3]], dtype=np.uint64))
    batches = [np.array([1, 2, 3]), np.array([0])]
    assert [b.tolist() for b in in_company(batches, known)] == [[1, 3], [0, 2]]
    assert in_company([np.array([0])], known)[0].tolist() == [0]


@pytest.mark.parametrize("size", [1, 2])
def test_batches_of_one_stay_where_that_was_asked(size):
    keys = np.arange(20, dtype=np.uint64).reshape(-1, 2)
    assert {len(batch) for batch in UniqueBatches(keys, size).epoch(0)} == {size}
