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
    x, y = np.eye(3), np.arange(3)
    start = 1e3 * np.eye(3)  # nothing is left to learn
    np.testing.assert_allclose(fit(start, x, y, 10), start)
    fitted = fit(np.zeros((3, 3)), x, y, 30)
    assert 0 < np.abs(fitted).max() < 100
    assert np.array_equal((x @ fitted.T).argmax(1), y)
