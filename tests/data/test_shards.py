"""webdataset.tar was written by webdataset 1.0.2."""

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from dipole.data.loading import load_labeled, load_pairs
from dipole.data.peeking import sample_of
from dipole.data.shards import is_shards, shards_source
from dipole.errors import InputError

THEIRS = Path(__file__).parent / "webdataset.tar"


def write(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_rows_of_what_webdataset_wrote() -> None:
    rows = [row for _, row in shards_source(THEIRS).rows()]
    assert [row["text"] for row in rows] == ["number 0", "number 1"]
    assert [row["label"] for row in rows] == [0, 1]
    assert rows[0]["source"] == "made"
    assert rows[0]["image"]["bytes"].startswith(b"\x89PNG")
    np.testing.assert_array_equal(rows[1]["state"], [1, 2, 3])


def test_images_with_texts_and_with_classes() -> None:
    pairs = load_pairs(THEIRS, anchor="image", positive="text", split="all")
    assert pairs.column("positive") == ["number 0", "number 1"]
    assert pairs.column("anchor")[1].shape == (4, 6, 3)
    assert (pairs.column("anchor")[1] == 60).all()
    labeled = load_labeled(THEIRS, input="image", label="label", split="all")
    assert labeled.column("label") == [0, 1]
    found = sample_of(THEIRS, "all")
    assert found is not None


def test_a_folder_of_shards_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "b-01.tar", {"x.txt": b"second", "y.txt": b"third"})
    write(tmp_path / "a-00.tar", {"x.txt": b"first"})
    assert is_shards(tmp_path)
    rows = list(shards_source(tmp_path).rows())
    assert rows == [(1, {"text": "first"}), (2, {"text": "second"}), (3, {"text": "third"})]
    (tmp_path / "readme.md").write_text("no shard")
    assert not is_shards(tmp_path)


def test_names_of_files(tmp_path: Path) -> None:
    files = {
        "a/one.left.png": b"\x89PNG", "a/one.txt": "ß".encode(), "b/one.JPG": b"\xff\xd8\xff",
        "b/.hidden": b"", "b/plain": b"", "c/two.json": b"[1, 2]", "c/two.bin": b"\x00",
    }  # fmt: skip
    rows = [row for _, row in shards_source(write(tmp_path / "s.tar", files)).rows()]
    assert rows == [
        {"left": {"bytes": b"\x89PNG", "path": None}, "text": "ß"},
        {"image": {"bytes": b"\xff\xd8\xff", "path": None}},
        {"json": [1, 2], "bin": b"\x00"},
    ]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.tar", {"a.txt": b"one", "a.cls": b"three", "b.txt": b"\xff"})
    with pytest.raises(InputError, match=r"row 1: 'cls': found no cls in it"):
        load_pairs(bad, anchor="text", positive="label", split="all")
    whole = THEIRS.read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(InputError, match=r"cut.tar: found no readable tar file \(unexpected end"):
        list(shards_source(tmp_path / "cut.tar").rows())
    (tmp_path / "text.tar").write_text("no tar at all" * 100)
    with pytest.raises(InputError, match="expected a shard of webdataset"):
        list(shards_source(tmp_path / "text.tar").rows())
    shutil.copy(THEIRS, tmp_path / "x.tar")
    with pytest.raises(InputError, match="split"):
        load_pairs(tmp_path / "x.tar", anchor="image", positive="text", split="validation")
