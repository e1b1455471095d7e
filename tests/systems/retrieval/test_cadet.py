"""Queries made of documents, and which of their lists are kept."""

import numpy as np
import torch

from dipole.systems.retrieval.cadet import LIST, Turned, kept, made_queries, ndcg

TEXTS = ["wings and drag . the wings were measured twice . drag is low", "heat of plates"]


def test_made_queries_come_from_their_document():
    made = made_queries(TEXTS)
    assert made["title"] == ["wings and drag", "heat of plates"]
    assert made["sentence"][0] in TEXTS[0]
    assert made["sentence"][1] == "heat of plates"
    assert set(made["keywords"][1].split()) <= {"heat", "plates"}


def test_kept_lists_start_with_their_source():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 40)) + 3 * np.eye(40)
    scores[5, 6] = 20.0  # another document ranks first
    lists = kept(torch.arange(40.0)[:, None], scores)
    rows = lists.vectors[:, 0].long()
    assert 5 not in rows
    torch.testing.assert_close(lists.documents[:, 0], rows)
    assert lists.documents.shape == lists.scores.shape == (len(rows), LIST)
    assert (lists.scores.diff(dim=1) <= 0).all()
    assert 0 <= lists.scores.min() <= lists.scores.max() <= 1


def test_head_is_at_first_nothing_and_ndcg_is_one_where_all_is_right():
    vectors = torch.nn.functional.normalize(torch.randn(12, 8), dim=1)
    torch.testing.assert_close(Turned(8)(vectors), vectors)
    found = ndcg((vectors @ vectors.T).detach().numpy(), {str(i): {str(i): 1} for i in range(12)})
    np.testing.assert_allclose(found, 100.0)
