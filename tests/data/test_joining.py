"""Joined examples are their parts, one after the other, and say whose each row is."""

import pytest

from dipole.data import Pairs, Triplets
from dipole.data.joining import joined
from dipole.errors import InputError


def pairs(*texts):
    return Pairs.from_columns({"anchor": list(texts), "positive": [t.upper() for t in texts]})


def test_rows_ids_and_sources():
    both = joined([pairs("a", "b", "c").select([0, 2]), pairs("d")], ["one", "two"])
    assert list(both.column("anchor")) == ["a", "c", "d"]
    assert both.ids == ["one:1", "one:3", "two:1"]
    assert both.sources.tolist() == ["one", "one", "two"]
    assert both.select([2, 0]).sources.tolist() == ["two", "one"]
    assert both.take([2])["positive"] == ["D"]


def test_examples_of_one_source_have_none():
    assert pairs("a").sources is None


def test_kinds_must_agree_and_names_differ():
    triplets = Triplets.from_columns({"anchor": ["a"], "positive": ["b"], "negatives": [["c"]]})
    with pytest.raises(InputError, match="found Pairs and Triplets; expected examples of one kind"):
        joined([pairs("a"), triplets], ["x", "y"])
    with pytest.raises(InputError, match="expected every source once"):
        joined([pairs("a"), pairs("b")], ["x", "x"])


def test_examples_of_a_class_of_ones_own_are_those_of_the_class_above():
    class Mine(Pairs):
        pass

    mine = Mine.from_columns({"anchor": ["b"], "positive": ["c"]})
    assert type(joined([mine, pairs("a")], ["x", "y"])) is Pairs
    assert type(joined([mine, mine], ["x", "y"])) is Mine
    with pytest.raises(InputError, match="found Other and Pairs"):
        joined([type("Other", (Triplets,), {})(mine.table), pairs("a")], ["x", "y"])
