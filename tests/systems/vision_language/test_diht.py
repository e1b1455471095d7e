"""Glyphs are what their names say."""

from dipole.systems.vision_language.diht import images, names


def test_a_letter_is_drawn_in_each_face():
    plain, bold = images("Sans", "ab"), images("Sans-Bold", "ab")
    assert plain.shape == (2, 20, 20)
    assert not (plain[0] == plain[1]).all()
    assert bold.sum() > plain.sum()
    assert names("a") == ["latin small letter a"]
