from __future__ import annotations

from dipole.data import Pairs, Texts
from dipole.data.retrieval import MetadataById, TextById, retrieval_from_pairs


def test_equal_texts_are_one_document_and_one_query() -> None:
    pairs = Pairs.from_columns(
        {"anchor": ["q", "r", "q", "s"], "positive": ["x", "x", "y", "q"]}, ids=list("abcd")
    )
    data = retrieval_from_pairs(pairs)
    assert data.corpus == {"a": "x", "c": "y", "d": "q"}
    assert data.queries == {"q/a": "q", "q/b": "r", "q/d": "s"}
    assert data.qrels == {"q/a": {"a": 1, "c": 1}, "q/b": {"a": 1}, "q/d": {"d": 1}}
    assert not set(data.queries) & set(data.corpus)


def test_texts_by_id_are_a_mapping() -> None:
    texts = Texts.from_columns(
        {"text": ["x", "y"]}, ids=["a", "b"], metadata=[{"line": 3}, {}], origin="here"
    )
    mapping = TextById(texts)
    assert mapping == {"a": "x", "b": "y"}
    assert list(mapping.items()) == [("a", "x"), ("b", "y")]
    assert list(mapping.values()) == ["x", "y"]
    assert "a" in mapping
    assert "x" not in mapping
    assert mapping.get("c") is None
    assert dict(MetadataById(mapping)) == {"a": {"line": 3}, "b": {}}
