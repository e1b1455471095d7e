from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.data import hub, load_labeled, load_retrieval, load_scored, named
from dipole.data.named_loading import digits
from dipole.errors import InputError

Write = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIPOLE_DATA", str(tmp_path))
    return tmp_path


def test_digits() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    wanted = sklearn.load_digits()
    everything = load_labeled("digits", split="all")
    images = np.asarray(everything.column("input"))
    assert images.dtype == np.uint8
    assert np.abs(images / 255 - wanted.images / 16).max() < 0.002
    assert everything.column("label") == wanted.target.tolist()
    parts = {split: digits(split, 1).ids for split in ("train", "validation", "test")}
    assert [len(ids) for ids in parts.values()] == [1259, 179, 359]
    assert sorted(name for ids in parts.values() for name in ids) == sorted(everything.ids)
    assert digits("train+validation+test", 1).ids == everything.ids
    assert digits("test", 0).ids != parts["test"]
    with pytest.raises(InputError, match="digits: no split 'dev'"):
        load_labeled("digits", split="dev")


def test_stsb_and_sick_from_files(write: Write, data: Path) -> None:
    write("stsb/stsb-en-dev.csv", 'A man sings.,"A man, singing.",4.5\nx,y,0\n')
    write(
        "sick/SICK_train.txt",
        'pair_ID\tsentence_A\tsentence_B\trelatedness_score\n7\tx\t"y" z\t3\n',
    )
    scored = load_scored("stsb", split="validation")
    assert scored[0] == {
        "id": "1",
        "first": "A man sings.",
        "second": "A man, singing.",
        "score": 4.5,
    }
    assert load_scored("sick", split="train")[0]["second"] == '"y" z'
    with pytest.raises(InputError, match="no split 'test'; splits found: validation"):
        load_scored("stsb")


def test_a_system_package_comes_after_the_own_folder(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    package = tmp_path_factory.mktemp("usr")
    moved = named.Named(**{**vars(named.NAMED["fashion-mnist"]), "places": (str(package),)})
    monkeypatch.setitem(named.NAMED, "fashion-mnist", moved)
    header = b"\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02"
    for folder, value in ((package, 1), (data / "fashion-mnist", 2)):
        folder.mkdir(exist_ok=True)
        (folder / "train-images-idx3-ubyte").write_bytes(header + bytes([value] * 4))
        (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01" + bytes([value]))
    assert load_labeled("fashion-mnist").column("label") == [2]
    shutil.rmtree(data / "fashion-mnist")
    assert load_labeled("fashion-mnist").column("label") == [1]


def test_cifar10_from_zip_files_and_folders(data: Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    (data / "cifar10" / "test" / "ship").mkdir(parents=True)
    image = data / "cifar10" / "test" / "ship" / "1.png"
    pil.fromarray(np.full((2, 2, 3), 7, np.uint8)).save(image)
    with zipfile.ZipFile(data / "cifar10" / "train_2.zip", "w") as archive:
        archive.write(image, "train/frog/1.png")
    assert load_labeled("cifar10").column("label") == ["frog"]
    assert load_labeled("cifar10", split="test").column("label") == ["ship"]
    with pytest.raises(InputError, match="no split 'validation'; splits found: train, test"):
        load_labeled("cifar10", split="validation")


def test_a_beir_set_from_a_folder_and_from_the_hub(
    write: Write, data: Path, offline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = offline
    corpus = [{"_id": "d1", "title": "T", "text": "x"}, {"_id": "d2", "title": "", "text": "y"}]
    queries = [{"_id": "q1", "text": "x?"}, {"_id": "q2", "text": "z?"}]
    qrels = [{"query-id": "q1", "corpus-id": "d1", "score": 1.0}]
    on_hub = {
        "corpus": {"corpus": corpus},
        "queries": {"queries": queries},
        "default": {"test": qrels},
    }

    def load(name: str, configuration: str) -> Any:
        assert name == "mteb/scifact"
        parts = on_hub[configuration].items()
        return datasets.DatasetDict({k: datasets.Dataset.from_list(v) for k, v in parts})

    monkeypatch.setattr(datasets, "load_dataset", load)
    there = load_retrieval("scifact")
    with pytest.raises(InputError, match="no split 'dev'; splits found: test"):
        load_retrieval("scifact", split="dev")
    qrels.append({"query-id": "q1", "corpus-id": "d2", "score": 0.7})
    with pytest.raises(InputError, match=r"row 2: found the relevance 0\.7; expected a whole num"):
        load_retrieval("scifact")
    qrels[-1] = {"query-id": "q1", "corpus-id": "d9", "score": 1.0}
    with pytest.raises(InputError, match="row 2: found the unknown document 'd9'"):
        load_retrieval("scifact")
    kept = load_retrieval("scifact", on_bad_row="skip")  # as trec_eval has it
    assert kept.qrels == {"q1": {"d1": 1, "d9": 1}}
    assert "that the corpus lacks, which count and cannot be found: 1" in kept.notes[0]
    write("scifact/corpus.jsonl", corpus)
    write("scifact/queries.jsonl", queries)
    write("scifact/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    here = load_retrieval("scifact")
    for found in (here, there):
        assert dict(found.corpus) == {"d1": "T x", "d2": "y"}
        assert (found.queries, found.qrels) == ({"q1": "x?"}, {"q1": {"d1": 1}})


def test_scored_and_labeled_sets_from_the_hub(
    offline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = offline
    rows = [{"sentence1": "a", "sentence2": "b", "score": 0.4}]
    image = {"image": np.full((2, 2), 9, np.uint8), "label": 3}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    parts = {
        "sentence-transformers/stsb": datasets.Dataset.from_list(rows),
        "zalando-datasets/fashion_mnist": datasets.Dataset.from_list([image], features=features),
    }
    monkeypatch.setattr(
        datasets, "load_dataset", lambda name, _: datasets.DatasetDict({"test": parts[name]})
    )
    no_package = named.Named(**{**vars(named.NAMED["fashion-mnist"]), "places": ()})
    monkeypatch.setitem(named.NAMED, "fashion-mnist", no_package)
    assert load_scored("stsb")[0] == {"id": "1", "first": "a", "second": "b", "score": 0.4}
    labeled = load_labeled("fashion-mnist", split="test")
    assert labeled.column("label") == [3]
    assert np.array_equal(labeled[0]["input"], image["image"])
    assert hub.is_datasets_folder(Path("nowhere")) is False
