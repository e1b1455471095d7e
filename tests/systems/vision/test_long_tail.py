"""The data of claims on images: how many of a class are left."""

import numpy as np
import pytest

from dipole.data import Labeled
from dipole.systems.vision import isogclr, poly_view


@pytest.fixture
def images(monkeypatch):
    """Two parts of 1,000 images each, ten classes in equal shares."""

    def rows(split, quick=False):
        labels = [f"class {i % 10}" for i in range(1000)]
        return Labeled.from_columns({"input": np.zeros((1000, 2, 2), np.uint8), "label": labels})

    monkeypatch.setattr(isogclr, "rows", rows)
    monkeypatch.setattr(poly_view, "rows", rows)
    monkeypatch.setattr(poly_view, "OF_CLASS", 7)


def sizes(found):
    return np.unique(list(found.column("label")), return_counts=True)[1].tolist()


def test_a_long_tail_falls_by_the_same_factor_from_class_to_class(images):
    assert sizes(isogclr.long_tailed("train")) == [100, 60, 36, 22, 13, 8, 5, 3, 2, 1]
    assert sizes(isogclr.long_tailed("test")) == [100] * 10


def test_few_images_of_every_class(images):
    assert sizes(poly_view.few("train")) == [7] * 10
    assert sizes(poly_view.few("test")) == [100] * 10
