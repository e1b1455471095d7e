"""The weight of a hybrid search: chosen on one half of the queries, measured on the other."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from dipole.errors import InputError
from dipole.retrieval import Document, Index, weigh
from dipole.retrieval.index import WEIGHT


@pytest.fixture
def index(tmp_path: Path, words: ModuleType) -> Index:
    """Documents that say a number's digits in words, each with words of its own."""
    return Index.create(tmp_path / "i", words.Words(), distinct(words))


def distinct(words: ModuleType) -> list[Document]:
    """Of two numbers with the same digits one."""
    return [d for d in words.numbered(10, 100) if d.id == "".join(sorted(d.id))]


def asked(index: Index, weight: float, words: ModuleType) -> dict[str, list[str]]:
    """Queries answered by what a hybrid search of this weight finds first."""
    texts = [document.text for document in distinct(words)]
    hits = index.search_batch(texts, k=1, hybrid=True, weight=weight)
    return {text: [found[0].id] for text, found in zip(texts, hits, strict=True)}


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_better_side_is_chosen(index: Index, words: ModuleType, weight: float) -> None:
    found = weigh(index, asked(index, weight, words), measure="MRR@10")
    tuned = found.results["hybrid, tuned"].value("MRR@10")
    assert tuned >= found.results["semantic" if weight else "keywords"].value("MRR@10") - 1e-9
    assert tuned >= 0.99
    halves = found.chosen_on + len(found.results["semantic"].ids)
    assert halves == len(asked(index, weight, words))


def test_what_is_measured_is_what_a_search_finds(index: Index, words: ModuleType) -> None:
    queries = asked(index, 0.3, words)
    result = weigh(index, queries).results[f"hybrid, {WEIGHT:g}"]
    hits = index.search_batch(list(result.ids), k=10, hybrid=True, weight=WEIGHT)
    ranks = [
        next((h.rank for h in found if h.id in queries[text]), None)
        for text, found in zip(result.ids, hits, strict=True)
    ]
    expected = sum(1 / rank for rank in ranks if rank) / len(ranks)
    assert result.value("MRR@10") == pytest.approx(expected, abs=0.02)  # but for ties


def test_a_weight_that_is_kept_is_used(index: Index) -> None:
    assert index.weight == WEIGHT
    index.keep_weight(0.1)
    again = Index.open(index.folder)
    assert again.weight == 0.1
    kept = [hit.score for hit in again.search("one two", hybrid=True)]
    named = again.search("one two", hybrid=True, weight=0.1)
    assert kept == pytest.approx([hit.score for hit in named], abs=1e-5)
    index.delete(["3"])
    assert Index.open(index.folder).weight == 0.1
    with pytest.raises(InputError, match="weight"):
        index.keep_weight(2.0)


def test_mistakes(index: Index, words: ModuleType) -> None:
    queries = asked(index, 1.0, words)
    with pytest.raises(InputError, match="queries: found 3; expected 20 or more"):
        weigh(index, dict(list(queries.items())[:3]))
    with pytest.raises(InputError, match=r"which .* does not have"):
        weigh(index, queries | {"nine": ["999"]})
    with pytest.raises(InputError, match="measure: found 'P@10'; expected nDCG@10 or MRR@10"):
        weigh(index, queries, measure="P@10")
