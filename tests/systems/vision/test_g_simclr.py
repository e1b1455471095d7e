"""The share of pairs of one class, against counting them one by one."""

from itertools import combinations

import numpy as np

from dipole.systems.vision.g_simclr import alike, denoiser


def test_pairs_of_one_class():
    classes = np.random.default_rng(0).integers(0, 3, 40)
    batches = list(np.random.default_rng(1).permutation(40).reshape(5, 8))
    pairs = [classes[i] == classes[j] for rows in batches for i, j in combinations(rows, 2)]
    assert np.isclose(alike(classes, batches), np.mean(pairs))


def test_the_autoencoder_sees_what_is_in_the_image():
    """After some steps equal images have equal codes, and others others."""
    images = [np.full((8, 8), value, np.uint8) for value in (0, 0, 255)]
    first, again, other = denoiser(images, 0, steps=5).encode(images)
    assert np.allclose(first, again)
    assert first @ other < 0.999
