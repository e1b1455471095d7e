"""An index of sparse vectors finds what the exact products say, and changes like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.retrieval import Document, Index

WORDS = ["open", "close", "read", "write", "file", "line", "disk", "socket", "list", "name"]


class Counts(Encoder):
    """A word counts as often as it is there, in a query times its place."""

    dim = len(WORDS)

    def prepare(self, inputs: Any, role: str = "document") -> Any:
        counts = [[text.split().count(word) for word in WORDS] for text in inputs]
        found = torch.tensor(counts, dtype=torch.float32)
        return {"x": found * torch.arange(1, 11) if role == "query" else found}

    def forward(self, features: Any) -> Any:
        return features["x"]

    def encode_sparse(self, inputs: Any, role: str = "document") -> csr_matrix:
        return csr_matrix(self.encode(inputs, role))

    def save(self, folder: str | Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)

    def settings(self) -> dict[str, Any]:
        return {}


def documents(start: int, stop: int) -> list[Document]:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 5)) for _ in range(stop)]
    return [Document(f"d{i}'s", texts[i], {"i": i}) for i in range(start, stop)]


def expected(kept: list[Document], query: str, k: int) -> list[tuple[str, float]]:
    """By a loop over all documents and words."""
    scores = {}
    for document in kept:
        score = sum(
            (place + 1) * query.split().count(word) * document.text.split().count(word)
            for place, word in enumerate(WORDS)
        )
        if score:
            scores[document.id] = float(score)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:k]


def found(index: Index, query: str, k: int) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in index.search(query, k=k)]


def test_hits_are_those_of_all_products(tmp_path: Path) -> None:
    kept = documents(0, 90)
    index = Index.create(tmp_path / "i", Counts(), kept)
    for query in ("open file", "name", "read read socket line"):
        for k in (1, 7, 200):
            assert found(index, query, k) == expected(kept, query, k)
    best = index.search("open file", k=1)[0]
    assert best.text == kept[best.metadata["i"]].text
    assert index.search("nothing of these", k=5) == []


def test_every_search_is_of_the_newest_state(tmp_path: Path) -> None:
    kept = documents(0, 40)
    index = Index.create(tmp_path / "i", Counts(), kept)
    reader = Index.open(tmp_path / "i", Counts())
    assert found(reader, "disk", 50) == expected(kept, "disk", 50)
    index.add(documents(40, 60))
    index.delete([f"d{i}'s" for i in range(20)])
    index.replace([Document("d30's", "disk disk disk disk")])
    now = [d for d in documents(20, 60) if d.id != "d30's"]
    now.append(Document("d30's", "disk disk disk disk"))
    assert found(reader, "disk", 50) == expected(now, "disk", 50)
    assert reader.search("disk", k=1)[0].id == "d30's"


def test_hybrid_and_what_it_refuses(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i", Counts(), documents(0, 30))
    hits = index.search("open the file", k=5, hybrid=True)
    assert len(hits) == 5
    with pytest.raises(InputError, match="precision: found int8 for Counts, whose vectors are spa"):
        Index.create(tmp_path / "j", Counts(), documents(0, 5), precision="int8")
    assert not (tmp_path / "j").exists()


def test_a_vector_that_is_not_finite_is_named(tmp_path: Path) -> None:
    class Broken(Counts):
        def encode_sparse(self, inputs: Any, role: str = "document") -> csr_matrix:
            return super().encode_sparse(inputs, role) * np.nan

    with pytest.raises(InputError, match='document "d0\'s": the model gave a vector that is not'):
        Index.create(tmp_path / "i", Broken(), [Document("d0's", "open")])
