from __future__ import annotations

from pathlib import Path

import pytest

from dipole.data import load_inputs, load_labeled, load_pairs, load_retrieval, load_scored
from dipole.data.parted import has_splits
from dipole.data.splits import chosen_splits
from dipole.errors import InputError


@pytest.mark.parametrize(
    ("split", "chosen"),
    [
        ("all", ["train", "dev", "test"]),
        ("test", ["test"]),
        ("validation", ["dev"]),
        ("test+train", ["test", "train"]),
    ],
)
def test_splits_by_name(split: str, chosen: list[str]) -> None:
    assert chosen_splits(split, ["train", "dev", "test"], "x") == chosen


def test_splits_that_are_not_there() -> None:
    for split in ("nonsense", "", "train+nonsense"):
        with pytest.raises(InputError, match=r"x: no split '.*'; splits found: train, val, dev"):
            chosen_splits(split, ["train", "val", "dev"], "x")
    with pytest.raises(InputError, match="no split 'validation'"):  # which of the two?
        chosen_splits("validation", ["train", "val", "dev"], "x")
    with pytest.raises(InputError, match="found the split 'train' twice in 'train"):
        chosen_splits("train+train", ["train"], "x")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    pil = pytest.importorskip("PIL.Image")
    for split, classes in (("train", "abc"), ("val", "ab"), ("test", "a")):
        for number, name in enumerate(classes):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            pil.new("L", (3, 3), number).save(tmp_path / "set" / split / name / "x.png")
    return tmp_path / "set"


def test_a_folder_of_images_has_the_splits_it_says(images: Path) -> None:
    assert load_labeled(images).column("label") == ["a", "b", "c"]
    assert load_labeled(images, split="validation").column("label") == ["a", "b"]
    assert load_labeled(images, split="test+val").column("label") == ["a", "a", "b"]
    assert len(load_labeled(images, split="all")) == 6
    assert "split 'test'" in load_labeled(images, split="test").origin
    for load in (load_labeled, load_inputs):
        with pytest.raises(InputError, match="no split 'nonsense'; splits found: test, train, val"):
            load(images, split="nonsense")


def test_a_split_is_never_accepted_and_ignored(images: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("question,answer\na,b\n")
    (tmp_path / "l.csv").write_text("text,label\na,b\n")
    (tmp_path / "s.csv").write_text("first,second,score\na,b,1\n")
    for load, source in (
        (load_labeled, images / "train"),
        (load_inputs, images / "train"),
        (load_pairs, tmp_path / "x.csv"),
        (load_retrieval, tmp_path / "x.csv"),
        (load_labeled, tmp_path / "l.csv"),
        (load_scored, tmp_path / "s.csv"),
    ):
        with pytest.raises(InputError, match=r"(?s)^[^\n]*split='nonsense'[^\n]*no splits[^\n]*$"):
            load(source, split="nonsense")


def test_one_data_set_saved_alone_has_no_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"question": ["a", "b"], "answer": ["c", "d"]}
    datasets.Dataset.from_dict(rows).save_to_disk(str(tmp_path / "one"))
    datasets.Dataset.from_dict(rows, split="train").save_to_disk(str(tmp_path / "train"))
    assert len(load_pairs(tmp_path / "one")) == len(load_pairs(tmp_path / "train")) == 2
    assert len(load_retrieval(tmp_path / "one").corpus) == 2
    with pytest.raises(InputError, match="split='test' for a data set, which has no splits"):
        load_pairs(tmp_path / "one", split="test")
    with pytest.raises(InputError, match="no split 'test'; splits found: train"):
        load_pairs(tmp_path / "train", split="test")
    assert not has_splits(tmp_path / "one")


def test_what_has_splits(images: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("question,answer\na,b\n")
    assert has_splits("digits")
    assert has_splits("owner/name")
    assert has_splits(images)
    assert not has_splits(images / "train")
    assert not has_splits(tmp_path / "x.csv")
