from collections import Counter

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from dipole.encoders.text_bags import PLACES, bag_of, join

TOKENS = st.lists(st.integers(0, 5), max_size=40)


@given(TOKENS)
def test_a_bag_counts_tokens_by_place(tokens: list[int]) -> None:
    bag = bag_of(np.array(tokens, np.int64), np.arange(len(tokens)), by_place=True)
    expected = Counter(
        (token, max(i for i, first in enumerate(PLACES) if first <= position))
        for position, token in enumerate(tokens)
    )
    found = zip(bag.tokens.tolist(), bag.places.tolist(), bag.counts.tolist(), strict=True)
    assert {(t, p): c for t, p, c in found} == expected


@given(TOKENS)
def test_without_places_all_stand_at_the_first(tokens: list[int]) -> None:
    bag = bag_of(np.array(tokens, np.int64), np.arange(len(tokens)), by_place=False)
    assert dict(zip(bag.tokens.tolist(), bag.counts.tolist(), strict=True)) == Counter(tokens)
    assert not bag.places.any()


def test_bags_stand_one_behind_the_other() -> None:
    bags = [
        bag_of(np.array(t, np.int64), np.arange(len(t)), by_place=True) for t in ([3, 3], [], [1])
    ]
    features = join(bags)
    assert features["tokens"].tolist() == [3, 3, 1]
    assert features["offsets"].tolist() == [0, 2, 2]
    assert features["counts"].dtype == torch.float32


def test_no_bags() -> None:
    features = join([])
    assert [len(features[name]) for name in ("tokens", "places", "counts", "offsets")] == [0] * 4
