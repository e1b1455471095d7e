from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dipole.data import load_pairs, load_retrieval
from dipole.errors import InputError

Write = Callable[..., Path]
HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def folder(write: Write) -> Path:
    documents = [
        {"_id": "d1", "title": "Cats", "text": "purr"},
        {"_id": "d2", "title": "", "text": "dogs bark", "metadata": {"url": "x"}},
        {"_id": "d3", "text": "cows"},
    ]
    write("beir/corpus.jsonl", documents)
    write("beir/queries.jsonl", [{"_id": f"q{i}", "text": f"question {i}"} for i in range(1, 4)])
    write("beir/qrels/test.tsv", HEADER + "q1\td1\t2\nq1\td2\t0\nq2\td2\t1\n")
    return write("beir/qrels/train.tsv", HEADER + "q3\td3\t1\nq3\td1\t1\n").parent.parent


def test_a_folder_is_read(folder: Path) -> None:
    data = load_retrieval(folder)
    assert dict(data.corpus) == {"d1": "Cats purr", "d2": "dogs bark", "d3": "cows"}
    assert list(data.corpus.values()) == ["Cats purr", "dogs bark", "cows"]
    assert data.queries == {"q1": "question 1", "q2": "question 2"}
    assert data.qrels == {"q1": {"d1": 2, "d2": 0}, "q2": {"d2": 1}}
    assert {name: dict(data.metadata[name]) for name in data.metadata} == {
        "d1": {"title": "Cats"},
        "d2": {"url": "x"},
        "d3": {},
    }
    assert list(load_retrieval(folder, split="all").queries) == ["q1", "q2", "q3"]
    assert list(load_retrieval(folder, split="test+train").queries) == ["q1", "q2", "q3"]


def test_judgements_above_zero_are_pairs(folder: Path) -> None:
    assert list(load_pairs(folder, split="test")) == [
        {"id": "q1/d1", "anchor": "question 1", "positive": "Cats purr"},
        {"id": "q2/d2", "anchor": "question 2", "positive": "dogs bark"},
    ]
    assert len(load_pairs(folder)) == 2  # train


def test_the_corpus_may_be_gzipped(folder: Path) -> None:
    import gzip

    path = folder / "corpus.jsonl"
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert len(load_retrieval(folder).corpus) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "q9\td1\t1\n",
            "row 4: found the unknown query 'q9'; expected an _id of the queries "
            "(--on-bad-row skip leaves such judgements out)",
        ),
        ("q1\td3\thigh\n", "row 4: column 'relevance': found 'high'; expected a number"),
    ],
)
def test_a_wrong_judgement_stops_or_is_skipped(folder: Path, line: str, message: str) -> None:
    path = folder / "qrels" / "train.tsv"
    path.write_text(path.read_text() + line)
    with pytest.raises(InputError) as caught:
        load_retrieval(folder, split="train")
    assert str(caught.value) == f"{path}, {message}"
    data = load_retrieval(folder, split="train", on_bad_row="skip")
    assert data.qrels == {"q3": {"d3": 1, "d1": 1}}
    assert (data.skipped.count, data.skipped.messages) == (1, (f"{path}, {message}",))
    assert load_pairs(folder, split="train", on_bad_row="skip").skipped.count == 1


def test_a_judgement_of_a_document_that_the_corpus_lacks(folder: Path) -> None:
    """The last document of the classic CISI file; trec_eval counts it as relevant and not found."""
    path = folder / "qrels" / "train.tsv"
    path.write_text(path.read_text() + "q3\td9\t1\nq1\td9\t1\nq9\td1\t1\n")
    with pytest.raises(InputError) as caught:
        load_retrieval(folder, split="train")
    assert str(caught.value) == (
        f"{path}, row 4: found the unknown document 'd9'; expected an _id of the corpus "
        "(--on-bad-row skip keeps such judgements: they count, and cannot be found)"
    )
    data = load_retrieval(folder, split="train", on_bad_row="skip")
    assert data.qrels == {"q3": {"d3": 1, "d1": 1, "d9": 1}, "q1": {"d9": 1}}
    assert data.notes == (
        "judgements of documents that the corpus lacks, which count and cannot be found: 2 "
        "(the first: 'd9')",
        "judgements of unknown queries, left out: 1",
        "queries without judgements in this split, not measured: 1 of 3",
    )
    from dipole.evaluation import evaluate_bm25

    found = evaluate_bm25(data, measures=["Recall@3"])
    assert found.ids == ["q3", "q1"]  # all that answers q1 is missing: it counts as 0
    assert found.notes[:3] == data.notes
    assert load_pairs(folder, split="train", on_bad_row="skip").column("positive") == [
        "cows", "Cats purr"
    ]  # fmt: skip


def test_what_is_missing_is_named(folder: Path, write: Write) -> None:
    with pytest.raises(InputError, match=r"found no qrels/dev\.tsv; splits found: test, train"):
        load_retrieval(folder, split="dev")
    write("beir/corpus.jsonl", [{"_id": "d1", "body": "x"}])
    with pytest.raises(InputError, match="found the columns _id, body; expected _id and text"):
        load_retrieval(folder)
    write("beir/corpus.jsonl", [{"_id": "d1", "text": ""}])
    with pytest.raises(InputError, match=r"corpus\.jsonl, row 1: column 'text': found empty text"):
        load_retrieval(folder)
    (folder / "queries.jsonl").unlink()
    write("beir/corpus.jsonl", [{"_id": "d1", "text": "x"}])
    with pytest.raises(InputError, match=r"found no queries\.jsonl; expected a BEIR folder"):
        load_retrieval(folder)
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(InputError, match="found a folder with neither"):
        load_retrieval(folder / "qrels" / "..")
