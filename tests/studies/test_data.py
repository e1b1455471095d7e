import pytest

from dipole.data import Pairs
from dipole.errors import InputError
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN, load_study_data
from dipole.training.config import make_config


def rows(part, quick):
    """Used below by its place."""
    return Pairs.from_columns({"anchor": [part], "positive": [str(quick)]})


def test_a_named_set_has_its_splits():
    config = make_config(data="digits", view=["weak"])
    train, test = load_study_data(config)
    assert not set(train.ids) & set(test.ids)
    few, held = load_study_data(config, quick=True)
    assert (len(few), len(held)) == (QUICK_TRAIN, QUICK_TEST)
    assert few.ids == train.ids[:QUICK_TRAIN]


def test_of_a_file_a_part_is_held_out_by_content(pairs_csv):
    train, test = load_study_data(make_config(data=str(pairs_csv)))
    assert len(train) + len(test) == 60
    assert 3 < len(test) < 25
    assert not set(train.column("positive")) & set(test.column("positive"))
    _, half = load_study_data(make_config(data=str(pairs_csv)), "0.5")
    assert len(half) > len(test)


def test_a_file_may_be_the_test(pairs_csv):
    train, test = load_study_data(make_config(data=str(pairs_csv)), str(pairs_csv))
    assert len(train) == len(test) == 60


def test_what_cannot_be_a_test(pairs_csv):
    with pytest.raises(InputError, match="a fraction between 0 and 1"):
        load_study_data(make_config(data=str(pairs_csv)), "1.5")


def test_a_function_makes_rows(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "made_rows", sys.modules[__name__])
    train, test = load_study_data(make_config(data="made_rows:rows"), quick=True)
    assert (train[0]["anchor"], test[0]["anchor"]) == ("train", "test")
    with pytest.raises(InputError, match="made_rows has no nothing"):
        load_study_data(make_config(data="made_rows:nothing"))
