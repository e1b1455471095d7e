"""Glyphs are what their names say; a probe starts where it is told to."""

import numpy as np

from dipole.systems.vision_language.diht import fit, images, names


def test_a_letter_is_drawn_in_each_face():
    plain, bold = images("Sans", "ab"), images("Sans-Bold", "ab")
    assert plain.shape == (2, 20, 20)
    assert not (plain[0] == plain[1]).all()
    assert bold.sum() > plain.sum()
    assert names("a") == ["latin small letter a"]


def test_a_probe_starts_where_it_is_told_and_learns():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), np.tile(np.arange(3), 2)
    start = 1e3 * np.eye(3, 4)  # so sure of itself that a step hardly moves it
    assert np.abs(fit(start, x, y, 1) - start).max() < 10
    fitted = fit(np.zeros((3, 4)), x[:3], y[:3], 30)
    assert np.array_equal((x[:3] @ fitted.T).argmax(1), y[:3])
