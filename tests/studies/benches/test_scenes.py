"""Scenes are what their captions say."""

import numpy as np

from dipole.studies.benches.scenes import (
    CENTRE,
    COLOURS,
    SIDE,
    alone,
    centred,
    items_of,
    names,
    nearest,
    rows,
)


def test_a_digit_is_where_it_is_said_to_be():
    found = rows("train", quick=True)
    for i in range(20):
        image, (a, b) = np.asarray(found[i]["anchor"]).astype(int), items_of(found, i)
        assert found[i]["positive"] == f"a {a.said} and a {b.said}"
        assert a.number != b.number
        assert a.place != b.place
        for one in (a, b):
            y, x = one.place
            drawn = image[y : y + SIDE, x : x + SIDE].reshape(-1, 3).sum(0)
            assert drawn.argmax() == np.argmax(COLOURS[one.colour])
            image[y : y + SIDE, x : x + SIDE] = 0
        assert not image.any()


def test_single_digits_stand_in_the_middle():
    found = alone("train", quick=True)
    assert {one.place for i in range(20) for one in items_of(found, i)} == {CENTRE}
    assert set(found.column("positive")) <= {f"a {name}" for name in names()}
    assert len(set(names())) == 60
    tested = centred("test", quick=True)
    assert tested.column("positive") == rows("test", quick=True).column("positive")


def test_the_rule_ranks_what_shares_words():
    both = [rows(split, quick=True) for split in ("train", "test")]
    assert 0 < nearest(*both).mean() < 100
