from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dipole.data import load_labeled, load_pairs, load_ranked, load_retrieval, load_scored
from dipole.data.peeking import columns_among

Write = Callable[..., Path]


def test_columns_of_a_table(write: Write) -> None:
    path = write("a.csv", "question,answer\nx y,z w\n")
    assert columns_among(path, "all", ["answer", "title", "question"]) == ["answer", "question"]
    assert columns_among(path, "all", ["1", "2", "3"]) == []  # they have names
    path = write("b.csv", "x y,z w\n")
    assert columns_among(path, "all", ["1", "2", "3"]) == ["1", "2"]  # a table without a header
    path = write("a.jsonl", [{"question": "a", "n": 1}])
    assert columns_among(path, "all", ["n", "answer"]) == ["n"]
    assert columns_among("stdlib-code", "test", ["anchor"]) == []
    write("b/corpus.jsonl", [{"_id": "1", "text": "x"}])
    assert columns_among(path.parent / "b", "test", ["text"]) == []


def test_examples_know_their_columns(write: Write) -> None:
    """By field, of every kind; a part of them knows the same, and retrieval data its direction."""
    path = write("p.csv", "question,answer\nx y,z w\nu v,s t\n")
    pairs = load_pairs(path, anchor="answer", positive="question")
    assert pairs.columns == {"anchor": "answer", "positive": "question"}
    assert pairs.select([1]).columns == pairs.columns
    data = load_retrieval(path, anchor="answer", positive="question")
    assert (data.direction, data.sizes) == ("answer -> question", "2 queries, 2 documents")
    path = write("s.csv", "a,b,n\nx y,z w,1.5\nu v,s t,2\n")
    scored = load_scored(path, first="b", second="a", score="n")
    assert scored.columns == {"first": "b", "second": "a", "score": "n"}
    for _ in range(2):  # converted, then from the cache
        labelled = load_labeled(path, input="a", label="b")
        assert labelled.columns == {"input": "a", "label": "b"}
    path = write("r.jsonl", [{"ask": "q", "texts": ["a", "b"], "worth": [1, 0]}])
    ranked = load_ranked(path, query="ask", candidates="texts", relevance="worth")
    assert ranked.columns == {"query": "ask", "candidates": "texts", "relevance": "worth"}
    assert ranked[0]["candidates"] == ["a", "b"]


def test_the_first_rows_of_a_table_say_what_its_columns_hold(tmp_path):
    from dipole.data.peeking import sample_of

    table = tmp_path / "table.csv"
    table.write_text("text,score\n" + "".join(f"text number {i},{i}\n" for i in range(5)))
    found = sample_of(str(table), "train")
    assert {name: found.kind(name) for name in found} == {"text": "text", "score": "numbers"}
    bare = tmp_path / "bare.tsv"
    bare.write_text("one text\ta word\nanother text\ta second\n")
    assert list(sample_of(str(bare), "train", ["1", "2"])) == ["1", "2"]


def test_what_is_no_table_has_no_first_rows(tmp_path):
    from dipole.data.peeking import sample_of

    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "text": "b"}\n')
    assert sample_of(str(tmp_path), "train") is None
    assert sample_of("stdlib-code", "train") is None
    assert sample_of([("a", "b")], "train") is None
