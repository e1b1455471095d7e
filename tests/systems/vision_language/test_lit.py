"""Few images have a caption, and spoilt images are always the same."""

import numpy as np

from dipole.studies.benches.captions import classes_of, rows
from dipole.systems.vision_language.lit import CAPTIONED, few, spoilt


def test_few_of_every_class_have_a_caption():
    found = few("train", True)
    assert np.bincount(classes_of(found)).tolist() == [CAPTIONED] * 10
    assert set(found.column("id")) <= set(rows("train", True).column("id"))
    assert few("test", True) is rows("test", True)


def test_spoilt_images_are_the_same_ones_every_time():
    images = [np.full((8, 8), 128, np.uint8)] * 2
    first, again = spoilt(images), spoilt(images)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not (first[0] == first[1]).all()
