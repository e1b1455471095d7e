import numpy as np
import pytest

from dipole.data import Labeled, Pairs
from dipole.errors import InputError
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN, fashion_mnist_14, load_study_data
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


def test_images_of_a_quick_run_need_no_data_set():
    train, test = fashion_mnist_14("train", quick=True), fashion_mnist_14("test", quick=True)
    assert (len(train), len(test)) == (QUICK_TRAIN, QUICK_TEST)
    assert train[0]["input"].shape == (8, 8)


def test_fashion_is_pooled_and_balanced(monkeypatch):
    """A stand-in for the data set: 500 images a class, each of one grey."""
    labels = np.tile(np.arange(10), 500)
    images = np.zeros((5000, 28, 28), np.uint8)
    images[:, ::2] = 2 * labels[:, None, None]
    whole = Labeled.from_columns({"input": images, "label": labels.tolist()})
    monkeypatch.setattr("dipole.data.load_labeled", lambda name, split: whole)
    train = fashion_mnist_14("train")
    assert np.bincount(list(train.column("label"))).tolist() == [300] * 10
    for row in (train.take([0, 5, 17])["input"],):
        assert row[0].shape == (14, 14)
    assert all((x["input"] == x["label"]).all() for x in train)  # the mean of 0 and 2 x label
    assert np.bincount(list(fashion_mnist_14("test").column("label"))).tolist() == [400] * 10
