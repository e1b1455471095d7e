"""An index of a vector for each token finds what MaxSim says, and changes like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.retrieval import Document, Index, token_vectors
from dipole.retrieval.token_vectors import TokenScan

WORDS = ["open", "close", "read", "write", "file", "line", "disk", "socket", "list", "name"]
VECTORS = np.random.default_rng(1).normal(size=(len(WORDS), 6)).astype("f4")


class Tokens(Encoder):
    """A word has a vector, in a query twice as long."""

    dim = 6

    def encode_tokens(self, inputs: Any, role: str = "document") -> list[np.ndarray]:
        factor = 2 if role == "query" else 1
        return [factor * VECTORS[[WORDS.index(w) for w in text.split()]] for text in inputs]

    def score(self, first: Any, second: Any) -> np.ndarray:
        return np.array([score(a, b) for a, b in zip(first, second, strict=True)])

    def save(self, folder: str | Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)

    def settings(self) -> dict[str, Any]:
        return {}


def score(query: str, document: str) -> float:
    """By a loop over words."""
    return sum(
        max(float(2 * VECTORS[WORDS.index(a)] @ VECTORS[WORDS.index(b)]) for b in document.split())
        for a in query.split()
    )


def documents(start: int, stop: int) -> list[Document]:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 6))) for _ in range(stop)]
    return [Document(f"d{i}", texts[i], {"i": i}) for i in range(start, stop)]


def expected(kept: list[Document], query: str, k: int) -> list[float]:
    return sorted((score(query, d.text) for d in kept), reverse=True)[:k]


@pytest.mark.parametrize("memory", [2**26, 10])
def test_searches_are_exact_after_every_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    """Also where the vectors do not fit into memory and are read for every query."""
    monkeypatch.setattr(token_vectors, "MOST", memory)
    texts = {d.id: d.text for d in documents(0, 40)}
    index = Index.create(tmp_path / "i", Tokens(), documents(0, 30))

    def check(kept: list[Document]) -> None:
        for query in ("open file", "socket disk name list", "write"):
            hits = index.search(query, k=5)
            assert [hit.score for hit in hits] == pytest.approx(expected(kept, query, 5), abs=1e-4)
            for hit in hits:
                assert hit.score == pytest.approx(score(query, texts[hit.id]), abs=1e-4)

    check(documents(0, 30))
    index.add(documents(30, 40))
    check(documents(0, 40))
    index.delete([f"d{i}" for i in range(10)])
    check(documents(10, 40))
    check(documents(10, 40))  # from memory
    found = index.search("open file", k=3, where="i >= 35")
    wanted = expected(documents(35, 40), "open file", 3)
    assert [hit.score for hit in found] == pytest.approx(wanted, abs=1e-4)
    assert index.search("open file", k=3, where="i < 10") == []
    assert len(index.search("open file", k=3, hybrid=True)) == 3


def test_several_queries_at_once_and_reranking(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i", Tokens(), documents(0, 30))
    both = index.search_batch(["open file", "disk"], k=4)
    for hits, query in zip(both, ("open file", "disk"), strict=True):
        alone = index.search(query, k=4)
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in alone], abs=1e-4)
    again = index.search("disk", k=4, rerank=Tokens())
    assert [hit.score for hit in again] == pytest.approx([hit.score for hit in both[1]], abs=1e-4)


def test_what_is_kept_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index.create(tmp_path / "i", Tokens(), documents(0, 30))
    read, reads = TokenScan._read, []
    monkeypatch.setattr(TokenScan, "_read", lambda *a: (reads.append(1), read(*a))[1])
    for _ in range(3):
        index.search("open file")
    assert reads == [1]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="vectors are of tokens and kept as they are"):
        Index.create(tmp_path / "i", Tokens(), documents(0, 3), precision="int8")

    class Broken(Tokens):
        def encode_tokens(self, inputs: Any, role: str = "document") -> list[np.ndarray]:
            return [np.full((2, 6), np.nan, "f4") for _ in inputs]

    with pytest.raises(InputError, match="document 'd0': the model gave a vector that is not"):
        Index.create(tmp_path / "j", Broken(), documents(0, 3))
