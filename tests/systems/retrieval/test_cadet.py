"""Queries made of documents, and which of their lists are kept."""

import numpy as np
import pytest
import torch

from dipole.data import Pairs
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.studies.benches.known_vectors import KnownVectors
from dipole.systems.retrieval.cadet import lists, made_queries, ndcg, triplets

TEXTS = ["wings and drag . the wings were measured twice . drag is low", "heat of plates"]
WORDS = ["open", "read", "sort", "join", "copy", "list", "print", "close"]
PAIRS = Pairs.from_columns(
    {
        "anchor": [f"{a} the {b}" for a in WORDS for b in WORDS],
        "positive": [f"it will {a} {a} what {b} holds" for a in WORDS for b in WORDS],
    }
)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return StaticText.from_texts(
        list(PAIRS.column("anchor")), list(PAIRS.column("positive")), dim=8
    )


def longest(first, second):
    """A judge that likes long texts, whatever is asked."""
    return [len(text) for text in second]


def test_made_queries_come_from_their_document():
    made = made_queries(TEXTS)
    assert made["title"] == ["wings and drag", "heat of plates"]
    assert made["sentence"][0] in TEXTS[0]
    assert made["sentence"][1] == "heat of plates"
    assert set(made["keywords"][1].split()) <= {"heat", "plates"}


def test_lists_start_with_their_source_and_go_down(encoder):
    found = lists(PAIRS, encoder, size=6)
    source = dict(zip(PAIRS.column("anchor"), PAIRS.column("positive"), strict=True))
    assert 2 <= len(found) < len(PAIRS)
    for row in (found[i] for i in range(len(found))):
        assert row["candidates"][0] == source[row["query"]]
        assert len(set(row["candidates"])) == 6
        assert row["relevance"] == sorted(row["relevance"], reverse=True)
        assert 0 <= min(row["relevance"]) <= max(row["relevance"]) <= 1


def test_the_least_certain_queries_are_left_out(encoder):
    assert len(lists(PAIRS, encoder, least=0.0)) > len(lists(PAIRS, encoder, least=0.8)) >= 2


def test_a_teacher_that_knows_nothing_is_said(encoder):
    positives = list(PAIRS.column("positive"))
    columns = {
        "anchor": list(PAIRS.column("anchor")),
        "positive": [positives[0] * 2, *positives[1:]],
    }
    with pytest.raises(InputError, match=r"ranks the source of [01] of 64 queries first"):
        lists(Pairs.from_columns(columns), encoder, size=64, teacher=f"{__file__}:longest")


def test_triplets_are_the_lists(encoder):
    made = lists(PAIRS, encoder, size=4)
    found = triplets(made)
    for row in range(len(made)):
        one = found[row]
        assert [one["positive"], *one["negatives"]] == made[row]["candidates"]


def test_the_map_is_at_first_nothing_and_ndcg_is_one_where_all_is_right():
    vectors = torch.nn.functional.normalize(torch.randn(12, 8), dim=1)
    texts = [str(i) for i in range(12)]
    found = KnownVectors.of(texts, vectors, rank=4).encode(texts)
    np.testing.assert_allclose(found, vectors, atol=1e-6)
    np.testing.assert_allclose(ndcg(found @ found.T, {t: {t: 1} for t in texts}), 100.0)
