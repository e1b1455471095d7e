"""A column of image files is images, never silently texts; decoded where it is read."""

import numpy as np
import pytest
from PIL import Image

from dipole.data import Labeled, Pairs, Scored, Triplets, load_labeled, load_pairs, load_scored
from dipole.data.image_cells import are_images
from dipole.data.joining import joined
from dipole.errors import InputError
from support import kinds


@pytest.fixture
def table(tmp_path):
    return kinds.write("image-text", tmp_path)


def rewritten(table, old, new):
    table.write_text(table.read_text().replace(old, new))
    return table


def test_paths_are_images_and_the_origin_says_so(table):
    pairs = load_pairs(table)
    assert "anchor 'image' (images), positive 'caption'" in pairs.origin
    first = pairs.column("anchor")[0]
    np.testing.assert_array_equal(first, Image.open(table.parent / "images" / "00.png"))
    assert pairs.column("positive")[0] == kinds.ROWS[0][0]


def test_files_are_read_when_a_row_is(table):
    pairs = load_pairs(table)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(table.parent / "images" / "03.png")
    assert not pairs.column("anchor")[3].any()
    (table.parent / "images" / "03.png").unlink()
    keys = pairs.keys("anchor")  # what tells rows apart needs no file
    assert len(set(keys.tolist())) == len(pairs)
    with pytest.raises(InputError, match=r"03\.png: cannot be read"):
        pairs.take([3])


def test_rows_are_chosen_and_joined_as_others_are(table):
    pairs = load_pairs(table)
    some = pairs.select([5, 2])
    np.testing.assert_array_equal(some.column("anchor")[1], pairs.column("anchor")[2])
    np.testing.assert_array_equal(
        some.table["anchor"].type.decoded(some.table["anchor"].chunk(0))[0],
        pairs.column("anchor")[5],
    )
    both = joined([pairs, pairs], ["a", "b"])
    np.testing.assert_array_equal(both.column("anchor")[33], pairs.column("anchor")[1])
    assert len(list(pairs.column("anchor"))) == 32  # more than one block of threads


def test_resize(table):
    assert load_pairs(table, resize="8x4").column("anchor")[0].shape == (8, 4, 3)
    Image.new("RGB", (9, 9)).save(table.parent / "images" / "00.png")
    with pytest.raises(InputError, match="images of different sizes"):
        load_pairs(table)
    assert load_pairs(table, resize=8).column("anchor")[0].shape == (8, 8, 3)


def test_resize_of_texts_is_refused(tmp_path):
    with pytest.raises(InputError, match="resize=8 for texts"):
        load_pairs(kinds.write("pairs", tmp_path), resize=8)


def test_grey_images_among_coloured_ones_are_rgb(table):
    Image.new("L", (16, 16)).save(table.parent / "images" / "00.png")
    pairs = load_pairs(table)
    assert "grey as RGB: 1" in pairs.origin
    assert pairs.column("anchor")[0].shape == (16, 16, 3)


@pytest.mark.parametrize("how", ["gone", "broken"])
def test_bad_files_are_bad_rows(table, how):
    path = table.parent / "images" / "04.png"
    path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"row 6: column 'image'.*04\.png"):
        load_pairs(table)
    pairs = load_pairs(table, on_bad_row="skip")
    assert (len(pairs), pairs.skipped.count) == (31, 1)


def test_bytes_in_a_parquet_file_as_datasets_has_them(table, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    files = sorted((table.parent / "images").iterdir())
    cells = [{"bytes": file.read_bytes(), "path": None} for file in files]
    texts = [text for text, _ in kinds.ROWS]
    for name, column in {"cells": cells, "bytes": [cell["bytes"] for cell in cells]}.items():
        path = tmp_path / f"{name}.parquet"
        parquet.write_table(pa.table({"image": column, "caption": texts}), path)
        found = load_pairs(path).column("anchor")[7]
        np.testing.assert_array_equal(found, Image.open(files[7]))


def test_a_folder_with_a_text_beside_every_image(table):
    folder = table.parent / "images"
    for file, (text, _) in zip(sorted(folder.iterdir()), kinds.ROWS, strict=True):
        file.with_suffix(".txt").write_text(f"{text}\n")
    pairs = load_pairs(folder)
    assert pairs[9]["positive"] == kinds.ROWS[9][0]
    assert pairs[9]["anchor"].shape == (16, 16, 3)
    (folder / "05.txt").unlink()
    with pytest.raises(InputError, match=r"05\.png: found no text beside it"):
        load_pairs(folder)
    assert len(load_pairs(folder, on_bad_row="skip")) == 31


def test_other_kinds_have_images_too(table):
    rewritten(table, "image,caption", "image,label")
    found = load_labeled(table)
    assert isinstance(found, Labeled)
    assert found[0]["input"].shape == (16, 16, 3)
    lines = table.read_text().splitlines()
    table.write_text("\n".join(["image,caption,score", *(f"{line},0.5" for line in lines[1:])]))
    scored = load_scored(table)
    assert isinstance(scored, Scored)
    assert scored[0]["first"].shape == (16, 16, 3)


def test_negatives_are_texts(table):
    lines = table.read_text().splitlines()
    rows = [f"{line},wrong {i}" for i, line in enumerate(lines[1:])]
    table.write_text("\n".join(["image,caption,negative", *rows]))
    found = load_pairs(table)
    assert isinstance(found, Triplets)
    assert isinstance(found, Pairs | Triplets)
    assert found[2]["negatives"] == ["wrong 2"]
    swapped = [
        "caption,text,negative",
        *(",".join([*r.split(",")[1:], r.split(",")[0]]) for r in rows),
    ]
    table.write_text("\n".join(swapped))
    with pytest.raises(InputError, match="found images in 'negative'"):
        load_pairs(table)


def test_what_looks_like_images():
    assert are_images(["a.png", "b/c.JPG"])
    assert not are_images(["https://x.org/a.png"] * 3)
    assert not are_images(["a.png", "the file a", "no"])
    assert are_images([b"\x89PNG\r\n"])
    assert not are_images([])


def test_a_table_in_memory_names_files_from_the_current_folder(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    lines = [line.split(",") for line in table.read_text().splitlines()[1:]]
    rows = [{"image": path, "caption": text} for path, text in lines]
    pairs = load_pairs(rows)
    assert pairs[0]["anchor"].shape == (16, 16, 3)
    assert load_pairs(rows, resize=8)[0]["anchor"].shape == (8, 8, 3)


def test_bundles_of_images_and_texts(table, tmp_path):
    from dipole.data import Bundles, load_bundles

    (tmp_path / "x").mkdir()
    bundles = load_bundles(kinds.write("modalities", tmp_path / "x"), "caption")
    assert isinstance(bundles, Bundles)
    assert list(bundles.FIELDS) == ["caption", "image", "sound"]
    assert bundles[3]["image"].shape == (16, 16, 3)
    assert list(bundles.select([1, 2]).FIELDS) == list(bundles.FIELDS)
    with pytest.raises(InputError, match="expected two or more that belong together"):
        load_bundles(kinds.write("texts", tmp_path))
