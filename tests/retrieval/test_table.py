from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.retrieval import scan
from dipole.retrieval import table as lance


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def filled(folder: Path, vectors: np.ndarray, texts: list[str] | None = None) -> Any:
    table = lance.create(folder, vectors.shape[1])
    table.insert(rows(table, vectors, texts))
    return table


def rows(table: Any, vectors: np.ndarray, texts: list[str] | None = None, start: int = 0) -> Any:
    ids = [str(i) for i in range(start, start + len(vectors))]
    return lance.rows(table, ids, texts or ["x"] * len(ids), [{}] * len(ids), vectors)


def found(hits: list[dict[str, Any]]) -> list[int]:
    return [int(hit["id"]) for hit in hits]


def test_small_tables_are_searched_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = (unit(rng.normal(size=(n, 24))) for n in (500, 10))
    table = filled(tmp_path, vectors)
    lance.update_indexes(table)
    assert [index.field_names for index in table.describe_indices()] == [["words"]]
    for query in queries:
        scores = vectors @ query
        hits = lance.nearest(table, query, 7, exact=False)
        assert found(hits) == np.argsort(-scores)[:7].tolist()
        np.testing.assert_allclose([h["score"] for h in hits], np.sort(scores)[::-1][:7], atol=1e-5)


def test_a_vector_of_zeros_is_found_last(tmp_path: Path) -> None:
    table = filled(tmp_path, np.array([[0, 0], [0, 1], [0.6, 0.8]], dtype=np.float32))
    query = np.array([1, 0], dtype=np.float32)
    assert [h["score"] for h in lance.nearest(table, query, 3, exact=True)] == pytest.approx(
        [0.6, 0, 0], abs=1e-6
    )


@pytest.mark.slow
def test_large_tables_get_an_approximate_index_of_good_recall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 20,000 rows are 3 cells of the index; 2 of them are the share that 64 are of 800,000 rows.
    monkeypatch.setattr(lance, "ANN_ROWS", 20_000)
    monkeypatch.setattr(lance, "PROBES", 2)
    monkeypatch.setattr(scan, "MOST", 0)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, 32))
    near = centres[rng.integers(200, size=20_400)] + 0.5 * rng.normal(size=(20_400, 32))
    vectors, late, queries = np.split(unit(near), [20_000, 20_300])
    table = filled(tmp_path, vectors[:-1])
    lance.update_indexes(table)
    assert len(table.describe_indices()) == 1
    table.insert(rows(table, vectors[-1:], start=len(vectors) - 1))
    lance.update_indexes(table)
    assert {index.field_names[0] for index in table.describe_indices()} == {"words", "vector"}

    def recall(known: np.ndarray, gone: range = range(0)) -> float:
        scores = queries @ known.T
        scores[:, list(gone)] = -np.inf
        truth = np.argsort(-scores, axis=1)[:, :10]
        hits = [found(lance.nearest(table, q, 10, exact=False)) for q in queries]
        exact = [found(lance.nearest(table, q, 10, exact=True)) for q in queries[:5]]
        assert exact == truth[:5].tolist()
        return float(np.mean([len(set(h) & set(t)) / 10 for h, t in zip(hits, truth, strict=True)]))

    assert recall(vectors) > 0.95
    # Rows that came later and rows that went are no exception.
    table.insert(rows(table, late, start=20_000))
    lance.delete(table, [str(i) for i in range(3000)])
    assert recall(np.concatenate((vectors, late)), range(3000)) > 0.95
    lance.update_indexes(table)
    assert recall(np.concatenate((vectors, late)), range(3000)) > 0.95


def test_words_are_matched_as_bm25_ranks_them(tmp_path: Path) -> None:
    texts = ["open the file", "read the file, and the file again", "close a socket", "nothing"]
    table = filled(tmp_path, np.eye(4, dtype=np.float32), texts)
    lance.update_indexes(table)
    assert found(lance.matching(table, "file", 10)) == [1, 0]
    assert found(lance.matching(table, "closing sockets", 10)) == [2]  # stems
    assert lance.matching(table, "the", 10) == []  # a stop word
    assert found(lance.matching(table, "file", 1)) == [1]


def test_words_of_new_rows_are_matched_before_and_after_the_index_knows_them(
    tmp_path: Path,
) -> None:
    table = filled(tmp_path, np.eye(3, dtype=np.float32), ["one", "two", "three"])
    lance.update_indexes(table)
    lance.upsert(table, rows(table, np.eye(3, dtype=np.float32)[1:2], ["four"], start=1))
    for _ in range(2):
        assert found(lance.matching(table, "four", 10)) == [1]
        assert found(lance.matching(table, "two", 10)) == []
        lance.update_indexes(table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("getFileName", "get File Name"),
        ("HTTPServerError", "HTTP Server Error"),
        ("md5Sum x86 PEP8", "md5 Sum x86 PEP8"),
        ("snake_case and Prose.", "snake case and Prose"),
        ("国際標準 API", "国際 際標 標準 API"),
    ],
)
def test_camel_case_becomes_words(text: str, words: str) -> None:
    assert lance.words(text) == words


SCRIPTS = {  # text, a query that finds it
    "日本語": ("国際標準化に関する動向", "国際標準化"),
    "one character": ("私の猫は可愛い", "猫"),
    "full width": ("ＡＢＣ ｶﾞｲﾄﾞ", "ガイド"),
    "ไทย": ("ภาษาไทยสวยงาม", "สวยงาม"),
    "한국어": ("학교에서 공부", "학교"),
    "हिन्दी": ("हिन्दी में", "हिन्दी"),
    "NFD": ("le cafe\u0301 noir", "caf\u00e9"),
    "long": ("рентгеноэлектрокардиографического", "рентгеноэлектрокардиографического"),
}


def test_words_of_any_script_are_found(tmp_path: Path) -> None:
    texts = [text for text, _ in SCRIPTS.values()]
    table = filled(tmp_path, np.ones((len(texts), 2), dtype=np.float32), texts)
    lance.update_indexes(table)
    for row, (_, query) in enumerate(SCRIPTS.values()):
        assert found(lance.matching(table, query, 10)) == [row], query
    assert found(lance.matching(table, "हिन्", 10)) == []  # a word is not cut at a vowel sign


def test_a_version_opened_does_not_move(tmp_path: Path) -> None:
    table = filled(tmp_path, np.eye(3, dtype=np.float32))
    lance.update_indexes(table)
    reader = lance.open_version(tmp_path, table.version)
    lance.delete(table, ["0", "1"])
    lance.update_indexes(table)
    assert sorted(found(lance.nearest(reader, np.ones(3, dtype=np.float32), 9, exact=True))) == [
        0,
        1,
        2,
    ]
    assert sorted(lance.known(reader, ["1", "2", "7"])) == ["1", "2"]
    assert lance.known(table, ["1", "2", "7"]) == ["2"]


def test_all_versions_but_the_published_one_are_cleared(tmp_path: Path) -> None:
    table = filled(tmp_path, np.eye(3, dtype=np.float32))
    lance.update_indexes(table)
    assert len(table.versions()) > 1
    for i in range(3):
        lance.delete(table, [str(i)])
        lance.update_indexes(table)
        published = table.version
        lance.prune(table)
        assert [v["version"] for v in table.versions()] == [published]
        assert lance.open_version(tmp_path, published).count_rows() == 2 - i


def test_the_published_version_is_never_cleared(tmp_path: Path) -> None:
    """It has a tag, and Lance refuses."""
    table = filled(tmp_path, np.eye(3, dtype=np.float32))
    lance.update_indexes(table)
    lance.prune(table)
    published = table.version
    lance.delete(table, ["1"])
    table.tags.update("published", published)
    with pytest.raises((ValueError, RuntimeError, OSError), match="tagged"):
        table.cleanup_old_versions(older_than=lance._NOW, delete_unverified=True)
    assert lance.open_version(tmp_path, published).count_rows() == 3


def test_metadata_of_numpy_and_dates(tmp_path: Path) -> None:
    import datetime
    import json

    table = lance.create(tmp_path, 1)
    metadata = {"n": np.int64(3), "x": np.float32(0.5), "day": datetime.date(2026, 11, 22)}
    table.insert(lance.rows(table, ["1"], ["x"], [metadata], np.ones((1, 1))))
    found = lance.nearest(table, np.ones(1, dtype=np.float32), 1, exact=True)[0]["metadata"]
    assert json.loads(found) == {"n": 3, "x": 0.5, "day": "2026-11-22"}
