"""A tower per modality or column: by name, by role, by what the inputs are."""

import numpy as np
import pytest

from dipole.encoders import NamedTowers, fingerprint, load_encoder
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError

TEXTS = ["open a file", "close the door", "read one line", "sort a list"]
IMAGES = list(np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8))
SMALL = {"text_options": {"buckets": 64, "dim": 6}, "image_options": {"widths": [4, 6]}}


def towers(**options):
    return NamedTowers.from_columns({"query": IMAGES, "document": TEXTS}, SMALL | options)


def test_a_column_goes_to_the_tower_of_its_modality():
    found = towers()
    assert found.sides == {"query": "image", "document": "text"}
    np.testing.assert_array_equal(found.encode(TEXTS), found.text.encode(TEXTS))
    np.testing.assert_array_equal(found.encode(IMAGES, "query"), found.image.encode(IMAGES))


def test_inputs_find_their_tower_whatever_the_side():
    found = towers()
    np.testing.assert_array_equal(found.encode(IMAGES), found.encode(IMAGES, "image"))
    np.testing.assert_array_equal(found.encode(TEXTS, "query"), found.text.encode(TEXTS, "query"))


def test_a_tower_that_is_named_is_strict():
    found = towers()
    with pytest.raises(InputError, match="reads images"):
        found.encode(TEXTS, "image")
    with pytest.raises(InputError, match="'query' or 'document' or 'image' or 'text'"):
        found.encode(TEXTS, "audio")


def test_names_of_columns_go_before_modalities():
    names = {"query": "photo", "document": "caption"}
    options = {"photo": "vit", "photo_options": {"dim": 8, "depth": 1}}
    columns = {"query": IMAGES, "document": TEXTS}
    found = NamedTowers.from_columns(columns, options, names)
    assert found.names == ("photo", "text")
    assert found.text.dim == 8  # made from scratch: as large as the other


def test_three_towers_of_three_columns(tmp_path):
    columns = {"left": IMAGES, "right": IMAGES, "text": TEXTS}
    options = {"left": "conv", "right": "conv", "dim": 5, "text_options": {"buckets": 64}}
    found = NamedTowers.from_columns(columns, options)
    left, right = (found.encode(IMAGES, name) for name in ("left", "right"))
    assert left.shape == (4, 5)
    assert not np.allclose(left, right)
    found.save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert isinstance(loaded, NamedTowers)
    assert fingerprint(loaded) == fingerprint(found)
    np.testing.assert_array_equal(loaded.encode(IMAGES, "right"), right)


def test_sizes_that_differ_meet_in_the_smallest():
    found = towers(text_options={"buckets": 64, "dim": 9})
    assert (found.dim, list(found.maps)) == (6, ["text"])
    assert found.encode(TEXTS).shape == (4, 6)


def test_a_gradient_reaches_its_own_tower_only():
    found = towers()
    found(found.prepare(TEXTS)).sum().backward()
    assert found.text.vectors.grad is not None
    assert all(p.grad is None for p in found.image.parameters())


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"query": TEXTS, "document": TEXTS}, {"audio": "conv"}, "no column of that name"),
        ({"query": [1.0], "document": TEXTS}, {}, "no tower for query"),
        ({"query": TEXTS, "document": TEXTS}, {"text": 3}, "a name or folder"),
        ({"query": TEXTS, "document": TEXTS}, {"text_options": 3}, "settings of that tower"),
        ({"query": TEXTS, "document": TEXTS}, {"text": "statc"}, "did you mean 'static'"),
        ({"a b": TEXTS, "document": TEXTS}, {"a b": "static"}, "the name 'a b'"),
    ],
)
def test_wrong_towers_are_said(columns, options, message):
    with pytest.raises(InputError, match=message):
        NamedTowers.from_columns(columns, options)


def test_by_name_for_two_sides():
    found = make_encoder("towers", IMAGES, TEXTS, **SMALL)
    assert isinstance(found, NamedTowers)
    assert found.encode(TEXTS).shape == (4, 6)


def test_classes_of_ones_own_say_how_they_are_made_beside_others(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dipole.encoders import ConvImage, NamedTowers, StaticText\n"
        "class Words(StaticText):\n"
        "    pass\n"
        "class Fixed(StaticText):\n"
        "    @classmethod\n"
        "    def from_inputs(cls, *inputs, buckets=64):\n"
        "        return StaticText.from_inputs.__func__(cls, *inputs, buckets=buckets, dim=12)\n"
        "class Eyes(ConvImage):\n"
        "    pass\n"
        "class Mine(NamedTowers):\n"
        "    pass\n"
    )
    place = f"{tmp_path / 'mine.py'}:"
    found = towers(text=f"{place}Words", text_options={"buckets": 64}, image=f"{place}Eyes")
    assert (found.image.dim, found.text.dim) == (6, 6), "words take the size of the other"
    assert found.image.head is None
    fixed = towers(text=f"{place}Fixed", text_options={})
    assert (fixed.text.dim, fixed.dim) == (12, 6), "what it has no option for, it is not given"
    made = make_encoder(f"{place}Mine", IMAGES, TEXTS, **SMALL)
    assert type(made).__name__ == "Mine"
    assert made.names == ("image", "text")
