from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.data import (
    Inputs,
    Pairs,
    Triplets,
    hub,
    load_inputs,
    load_labeled,
    load_pairs,
    load_scored,
)
from dipole.errors import InputError

datasets = pytest.importorskip("datasets")
Write = Callable[..., Path]


def dataset(count: int, start: int = 0) -> Any:
    numbers = range(start, start + count)
    columns = {"question": [f"q {i}" for i in numbers], "answer": [f"a {i}" for i in numbers]}
    return datasets.Dataset.from_dict(columns)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    parts = datasets.DatasetDict({"train": dataset(5), "test": dataset(2, 5)})
    parts.save_to_disk(str(tmp_path / "saved"))
    return tmp_path / "saved"


def test_a_saved_folder_of_splits(saved: Path) -> None:
    pairs = load_pairs(saved)
    assert type(pairs) is Pairs
    assert pairs.column("anchor") == [f"q {i}" for i in range(5)]
    assert pairs.origin == f"{saved} (train): anchor 'question', positive 'answer'"
    assert load_pairs(saved, "answer", "question", split="test")[1]["anchor"] == "a 6"
    assert load_pairs(saved, split="all").ids == [str(i) for i in range(1, 8)]
    assert load_pairs(saved, split="test+train").column("anchor")[0] == "q 5"
    with pytest.raises(InputError, match="no split 'dev'; splits found: train, test"):
        load_pairs(saved, split="dev")
    with pytest.raises(
        InputError, match=r"no column 'query' \(--anchor\); columns found: question"
    ):
        load_pairs(saved, "query", "answer")


def test_a_saved_folder_of_one_part(tmp_path: Path) -> None:
    dataset(3).save_to_disk(str(tmp_path / "one"))
    assert len(load_pairs(tmp_path / "one")) == 3


def test_a_bad_row_in_a_saved_folder(tmp_path: Path) -> None:
    part = datasets.Dataset.from_dict({"a": ["x", "y"], "b": ["x", ""], "score": [1.0, 2.0]})
    part.save_to_disk(str(tmp_path / "bad"))
    with pytest.raises(InputError, match="row 2: column 'b': found empty text"):
        load_scored(tmp_path / "bad")
    assert load_scored(tmp_path / "bad", on_bad_row="skip").column("score") == [1.0]


def test_a_folder_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "folder"
    folder.mkdir()
    row = {"query": "q", "positive": "p", "negative": "n"}
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    triplets = load_pairs(folder)
    assert type(triplets) is Triplets
    assert triplets[0] == {"id": "1", "anchor": "q", "positive": "p", "negatives": ["n"]}
    (folder / "train.jsonl").write_text("{no json\n")
    with pytest.raises(
        InputError, match=r"row 1: train\.jsonl, row 1: found broken JSON"
    ) as caught:
        load_pairs(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_of_tables_is_read_as_the_tables_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`datasets` alone makes 12 of 0012, nothing of NA, and a header of the first row."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "train.csv").write_text("id,question,answer\n0012,NA,b\n12,c,d\n")
    (folder / "test.csv").write_text("id,question,answer\n7,e,f\n")
    assert list(load_pairs(folder)) == [
        {"id": "0012", "anchor": "NA", "positive": "b"},
        {"id": "12", "anchor": "c", "positive": "d"},
    ]
    assert load_pairs(folder, split="test").ids == ["7"]
    assert load_pairs(folder, split="all").ids == ["0012", "12", "7"]
    with pytest.raises(InputError, match="no split 'dev'; splits found: train, test"):
        load_pairs(folder, split="dev")
    for name in ("train", "test"):
        (folder / f"{name}.csv").write_text("text,label\na,01\nb,1\n")
    assert load_labeled(folder).column("label") == ["01", "1"]
    (folder / "train.csv").write_text("How do I pay?,By card.\nWhere?,In Ghent.\n")
    with pytest.raises(InputError, match=r"train\.csv, row 1: found a sentence, 'How do I pay\?'"):
        load_pairs(folder)
    assert load_pairs(folder, "1", "2").column("positive") == ["By card.", "In Ghent."]


def test_images_and_texts_with_labels(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = {"img": list(images), "label": [1, 0, 1]}
    datasets.Dataset.from_dict(rows, features).save_to_disk(str(tmp_path / "images"))
    labeled = load_labeled(tmp_path / "images")
    assert np.array_equal(np.asarray(labeled.column("input")), images)
    assert labeled.column("label") == [1, 0, 1]
    with pytest.raises(InputError, match=r"no column 'class' .*; columns found: img, label"):
        load_labeled(tmp_path / "images", label="class")
    texts = datasets.Dataset.from_dict({"text": ["x", "y"], "label": [4, 2]})
    texts.save_to_disk(str(tmp_path / "texts"))
    assert load_labeled(tmp_path / "texts").column("label") == [4, 2]


def test_classes_that_are_not_there() -> None:
    """`datasets` writes -1 for them: no class of its own, of a table on disk or in memory."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = {"text": ["x", "y", "z"], "label": [1, -1, 0]}
    data = datasets.Dataset.from_dict(rows, features)
    with pytest.raises(InputError, match="index 1: column 'label': found null"):
        load_labeled(data)
    found = load_labeled(data, on_bad_row="skip")
    assert (found.column("label"), found.skipped.count) == ([1, 0], 1)
    none = datasets.Dataset.from_dict(rows | {"label": [-1, -1, -1]}, features)
    assert type(load_inputs(none)) is Inputs
    assert load_inputs(none).column("input") == ["x", "y", "z"]


def test_images_in_memory_are_read_as_those_on_disk(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)
    features = datasets.Features({"img": datasets.Image(), "text": datasets.Value("string")})
    data = datasets.Dataset.from_dict({"img": list(images), "text": ["a", "b", "c"]}, features)
    data.save_to_disk(str(tmp_path / "pairs"))
    in_memory, on_disk = load_pairs(data), load_pairs(tmp_path / "pairs")
    assert np.array_equal(in_memory.column("anchor")[:], images)
    assert np.array_equal(on_disk.column("anchor")[:], images)
    assert load_pairs(data, resize=3)[0]["anchor"].shape == (3, 3, 3)


def test_an_id_on_the_hub(offline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(*arguments: Any) -> Any:
        asked.append(arguments)
        return datasets.DatasetDict({"train": dataset(5), "dev": dataset(1)})

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(load_pairs("owner/name")) == 5
    assert len(load_pairs("owner/name:config", split="dev")) == 1
    assert asked == [("owner/name", None), ("owner/name", "config")]
    with pytest.raises(InputError, match="owner/name: no split 'test'; splits found: train, dev"):
        load_pairs("owner/name", split="test")


def test_no_network_is_one_line(offline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"cannot be reached \(HF_HUB_OFFLINE is set\)") as caught:
        load_pairs("owner/name")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"owner/name: .* cannot be reached \(127\.0\.0\.1: "):
        load_pairs("owner/name")
    monkeypatch.setattr(hub, "unreachable", lambda offline: None)

    def missing(*_: Any) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'owner/name' doesn't exist\nor so")

    monkeypatch.setattr(datasets, "load_dataset", missing)
    with pytest.raises(InputError, match=r"none on the Hugging Face hub .*doesn't exist") as caught:
        load_pairs("owner/name")
    assert "\n" not in str(caught.value)
