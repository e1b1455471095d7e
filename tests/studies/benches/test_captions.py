"""Captions say the class of their image, and no prompt is a caption."""

from dipole.studies.benches.captions import FRAMES, PROMPTS, WORDS, classes_of, pixels, rows


def test_a_caption_is_of_its_image():
    found = rows("train", quick=True)
    for text, k in zip(found.column("positive"), classes_of(found), strict=True):
        assert any(word in text for word in WORDS[k])
    assert not set(FRAMES) & set(PROMPTS)


def test_pixels_are_judged_one_by_one():
    both = [rows(split, quick=True) for split in ("train", "test")]
    right = pixels(*both)
    assert len(right) == len(both[1])
    assert right.mean() > 50
