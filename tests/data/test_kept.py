"""Inputs with an id and columns that stay: what is taken, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from dipole.data.kept import load_kept
from dipole.errors import InputError

ROWS = [
    {"title": "Knots", "text": "how to tie", "year": 1999, "tags": ["a"], "metadata": {"x": 1}},
    {"title": "Sails", "text": "how to reef", "year": float("nan"), "tags": [], "metadata": None},
]


def test_columns_are_kept_as_they_are():
    found = load_kept(ROWS, keep=["year", "tags", "metadata", "text"])
    assert list(found.column("input")) == ["Knots how to tie", "Sails how to reef"]
    assert found.metadata(0) == {
        "year": 1999, "tags": ["a"], "metadata": {"x": 1}, "text": "how to tie",
    }  # fmt: skip
    assert found.metadata(1)["year"] is None
    assert found.ids == ["0", "1"]
    assert "input 'text' after title, ids are row numbers, kept 'year', 'tags'" in found.origin


def test_columns_by_name(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("key,what,text\nk1,one,x\nk2,two,y\n")
    found = load_kept(file, "what", "key", ["what"])
    assert found.ids == ["k1", "k2"]
    assert list(found.column("input")) == ["one", "two"]
    assert found.columns == {"input": "what"}
    assert load_kept(file, "what", "key", ["text"]).metadata(0) == {"text": "x"}  # no old entry


def test_images_of_a_folder_are_called_by_their_files(tmp_path):
    for name in ("cats/one.png", "dogs/two.png"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    found = load_kept(tmp_path)
    assert found.ids == ["cats/one.png", "dogs/two.png"]
    assert found.column("input")[0].shape == (4, 4)
    with pytest.raises(InputError, match="found keep='x' for data without columns"):
        load_kept(tmp_path, keep=["x"])
    with pytest.raises(InputError, match="found id='x' for data whose columns are known"):
        load_kept(tmp_path, id="x")
    (tmp_path / "t.csv").write_text("file,name\ncats/one.png,one\n")
    table = load_kept(tmp_path / "t.csv", "file", keep=["name"])
    assert table.column("input")[0].shape == (4, 4)
    assert table.metadata(0) == {"name": "one"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": "txt"}, r"no column 'txt' \(--column\); columns found: title, text, year"),
        ({"id": "key"}, r"no column 'key' \(--id\)"),
        ({"keep": ["years"]}, r"no column 'years' \(--keep\).*; did you mean 'year'"),
        ({"keep": ["year", "year"]}, r"found the column 'year' twice, for --keep"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(InputError, match=message):
        load_kept(ROWS, **options)


def test_a_beir_folder_is_two_sets(tmp_path):
    for name in ("corpus", "queries"):
        (tmp_path / f"{name}.jsonl").write_text('{"_id": "1", "text": "a"}\n')
    with pytest.raises(
        InputError, match=r"found a BEIR folder, two sets of texts; .*corpus\.jsonl"
    ):
        load_kept(tmp_path)
