"""Texts as pictures: the same pixels every time, an edit stays where it is, padding is not read."""

import numpy as np
import pytest
import torch

from dipole.encoders import load_encoder
from dipole.encoders.pixel_text import PixelText, glyph, rendered
from dipole.errors import InputError

pytest.importorskip("PIL")


def test_a_strip_is_its_characters_side_by_side():
    text = "Go to it, now"
    whole = np.concatenate([glyph(c) for c in text], axis=1)
    found = rendered(text, 64)
    strip = np.concatenate([patch.reshape(16, 16) for patch in found], axis=1)
    assert found.shape == (-(-6 * len(text) // 16), 256)
    np.testing.assert_array_equal(strip[:, : whole.shape[1]], whole)
    assert not strip[:, whole.shape[1] :].any()


@pytest.mark.parametrize("place", range(12))
def test_one_wrong_letter_changes_two_patches_at_most(place):
    text = "a small boat"
    other = text[:place] + "#" + text[place + 1 :]
    changed = (rendered(text, 64) != rendered(other, 64)).any(1).nonzero()[0]
    assert 1 <= len(changed) <= 2
    assert 6 * place // 16 in (changed[0], changed[-1])


def test_every_printable_character_has_ink_and_an_unknown_one_is_a_box():
    assert all(glyph(chr(code)).any() for code in range(33, 127))
    assert len({glyph(chr(code)).tobytes() for code in range(33, 127)}) == 94
    np.testing.assert_array_equal(glyph("中"), glyph("я"))
    assert not glyph(" ").any()


def test_what_does_not_fit_is_cut_and_nothing_is_one_blank_patch():
    np.testing.assert_array_equal(rendered("x" * 99, 4), rendered("x" * 999, 4))
    assert rendered("", 4).shape == (1, 256)
    assert not rendered("", 4).any()


def test_a_vector_is_the_same_beside_a_longer_text_and_after_saving(tmp_path):
    torch.manual_seed(0)
    encoder = PixelText(dim=32, depth=2, head=16).eval()
    alone = encoder.encode(["a cat"])
    beside = encoder.encode(["a cat", "a text that takes many more patches than the first"])
    np.testing.assert_allclose(alone[0], beside[0], atol=1e-6)
    encoder.save(tmp_path / "model")
    np.testing.assert_allclose(load_encoder(tmp_path / "model").encode(["a cat"]), alone, atol=1e-6)


def test_the_mean_is_over_the_patches_of_the_text_without_its_end():
    torch.manual_seed(0)
    encoder = PixelText(dim=16, depth=1, heads=2, head=0).eval()
    features = encoder.prepare(["three patches"[:8]])
    states = encoder.embed(features["patches"].float()) + encoder._places(torch.arange(4))
    seen = encoder.layers[0](states, torch.ones(1, 4, dtype=torch.bool))
    h = encoder.norm(seen[0, :3].mean(0))
    torch.testing.assert_close(encoder(features)[0], h / h.norm())


def test_the_head_is_for_training_alone():
    encoder = PixelText(dim=16, depth=1, heads=2, head=8)
    features = encoder.prepare(["a cat", "a dog"])
    trained = encoder.train()(features)
    assert not torch.allclose(trained, encoder.eval()(features))
    assert not any(name.startswith("training_head") for name in encoder.weights())


def test_a_width_that_heads_do_not_divide_is_said():
    with pytest.raises(InputError, match="dim is 30; expected a multiple of 2 and of 4"):
        PixelText(dim=30)
