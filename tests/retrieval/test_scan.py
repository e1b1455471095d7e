"""Vectors in memory: what LanceDB finds, found by a product."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.retrieval import Index, scan
from dipole.retrieval import table as lance
from dipole.retrieval.scan import Scan


@pytest.fixture
def index(tmp_path: Path, words: ModuleType) -> Index:
    """An index of 60 documents."""
    return Index.create(tmp_path / "i", words.Words(), words.numbered(0, 60))


def in_memory(index: Index) -> bool:
    """Whether an index keeps its vectors."""
    return index._opened is not None and index._opened._scan is not None


def test_the_best_are_those_of_numpy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 8)).astype(np.float32)
    queries = rng.normal(size=(5, 8)).astype(np.float32)
    table = lance.create(tmp_path, 8)
    ids = [str(i) for i in range(300)]
    for start in (0, 200):
        part = slice(start, start + 200)
        meta = [{} for _ in ids[part]]
        table.insert(lance.rows(table, ids[part], ids[part], meta, vectors[part]))
    lance.delete(table, [str(i) for i in range(0, 300, 7)])
    found = Scan.of(table, "vector").nearest(table, queries, 10, lance.SHOWN)
    scores = queries @ vectors.T
    scores[:, ::7] = -np.inf
    for row, hits in zip(scores, found, strict=True):
        best = np.argsort(-row)[:10]
        by_score = sorted(hits, key=lambda hit: -hit["score"])
        assert [int(hit["id"]) for hit in by_score] == best.tolist()
        np.testing.assert_allclose([hit["score"] for hit in by_score], row[best], rtol=1e-5)
    assert [
        len(hits) for hits in Scan.of(table, "vector").nearest(table, queries, 999, ["id"])
    ] == [table.count_rows()] * 5


def test_the_second_search_finds_what_the_first_found(index: Index) -> None:
    for query in ("one two", "five"):
        first = Index.open(index.folder).search(query, k=12)
        again = Index.open(index.folder)
        again.search("zero")
        hits = again.search(query, k=12)
        assert [round(h.score, 5) for h in hits] == [round(h.score, 5) for h in first]
        # Which of several equal ones come last is nobody's promise.
        least = first[-1].score + 1e-5
        ids, before = ({h.id for h in some if h.score > least} for some in (hits, first))
        assert ids == before
        assert in_memory(again)


def test_a_change_is_seen(index: Index, words: ModuleType) -> None:
    for _ in range(3):
        assert len(index.search("one", k=100)) == 60
    index.delete(["3"])
    index.add(words.numbered(60, 62))
    for _ in range(3):
        found = {hit.id for hit in index.search("one", k=100)}
        assert len(found) == 61
        assert "61" in found - {"3"}


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_batch_is_one_by_one(index: Index, hybrid: bool) -> None:
    queries = ["one two", "five", "three three zero"]
    options = {"k": 7, "hybrid": hybrid, "where": "number > 5"}
    for given in ({"k": 7, "hybrid": hybrid}, options):
        batch = index.search_batch(queries, **given)  # type: ignore[arg-type]
        alone = [index.search(query, **given) for query in queries]  # type: ignore[arg-type]
        assert [[h.id for h in hits] for hits in batch] == [[h.id for h in hits] for hits in alone]
    assert index.search_batch([]) == []
    with pytest.raises(InputError, match="the query is empty"):
        index.search_batch(["one", " "])


def test_what_does_not_fit_is_left_on_the_disk(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MOST", 10)
    for _ in range(3):
        assert len(index.search("one", k=5)) == 5
    assert not in_memory(index)
