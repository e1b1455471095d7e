"""Captions say the class of their image, and no prompt is a caption."""

import numpy as np

from dipole.systems.vision_language.cwcl import WORDS
from dipole.systems.vision_language.lit import SEEN, UNSEEN, captioned, spoilt


def test_a_caption_is_of_its_image():
    images = [np.full((4, 4), i, np.uint8) for i in range(40)]
    labels = np.arange(40) % 10
    for row in captioned(images, labels, 0):
        words, _ = WORDS[labels[row["positive"][0, 0]]]
        assert any(word in row["anchor"] for word in words)
    assert not set(SEEN) & set(UNSEEN)


def test_spoilt_images_are_the_same_ones_every_time():
    images = [np.full((8, 8), 128, np.uint8)] * 2
    first, again = spoilt(images), spoilt(images)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not (first[0] == first[1]).all()
