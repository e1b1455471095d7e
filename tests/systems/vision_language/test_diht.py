"""Glyphs are what their names say; a probe starts where it is told to."""

import numpy as np
import torch

from dipole.systems.vision_language.diht import fit, images, names


def test_a_letter_is_drawn_in_each_face():
    plain, bold = images("Sans", "ab"), images("Sans-Bold", "ab")
    assert plain.shape == (2, 20, 20)
    assert not (plain[0] == plain[1]).all()
    assert bold.sum() > plain.sum()
    assert names("a") == ["latin small letter a"]


def test_no_rate_no_way():
    x, y = torch.randn(6, 4), torch.arange(3).repeat(2)
    start = torch.randn(3, 4)
    assert torch.equal(fit(start, x, y, 0.0), start)
    fitted = fit(torch.zeros(3, 4), x[:3], y[:3], 0.1)
    assert np.array_equal((x[:3] @ fitted.T).argmax(1), y[:3])
