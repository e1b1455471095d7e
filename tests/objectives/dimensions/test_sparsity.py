"""FLOPS and L1 against the equations written out, and sentence-transformers' loss of SPLADE."""

import pytest
import torch

from dipole.objectives import DotInfoNCE, Flops, L1Norm
from support.battery import Battery
from support.spec import Spec


def rows_of(positive, negative, candidates, mask):
    rows = [x for part in (positive, negative) if part is not None for x in part]
    for i, row in enumerate([] if candidates is None else candidates):
        rows += [x for k, x in enumerate(row) if mask is None or mask[i][k]]
    return rows


def means(rows, d):
    return [sum(abs(x[v]) for x in rows) / max(len(rows), 1) for v in range(d)]


def flops_oracle(
    anchor, positive=None, negative=None, candidates=None, mask=None, *, query, document
):
    d = anchor.shape[1]
    sides = (query, anchor), (document, rows_of(positive, negative, candidates, mask))
    return sum(weight * sum(m**2 for m in means(rows, d)) for weight, rows in sides)


def l1_oracle(anchor, positive=None, negative=None, candidates=None, mask=None, *, query, document):
    documents = rows_of(positive, negative, candidates, mask)
    total = 0.0
    for weight, rows in ((query, anchor), (document, documents)):
        total += sum(weight * sum(abs(float(w)) for w in x) / len(rows) for x in rows)
    return total


def draw(sizes, generator):
    return {"mask": torch.rand(sizes.n, sizes.k, generator=generator) < 0.7}


SETTINGS = ({}, {"query": 0.5, "document": 3.0})


class TestFlops(Battery):
    spec = Spec(
        "flops", flops_oracle, SETTINGS, draw=draw, rotation=False, smooth=False,
        shapes={"mask": "n k"},
    )  # fmt: skip


class TestL1(Battery):
    spec = Spec(
        "l1", l1_oracle, SETTINGS, draw=draw, rotation=False, smooth=False, shapes={"mask": "n k"}
    )


def test_it_is_the_loss_of_splade_in_sentence_transformers():
    losses = pytest.importorskip("sentence_transformers.sparse_encoder.losses")
    torch.manual_seed(0)
    anchor, positive, negative = torch.randn(3, 6, 9).relu()
    ranking = losses.SparseMultipleNegativesRankingLoss(None)
    wanted = ranking.compute_loss_from_embeddings([anchor, positive, negative], None)
    flops = losses.FlopsLoss(None).compute_loss_from_embeddings
    wanted = wanted + 0.3 * flops(torch.cat([positive, negative])) + 0.1 * flops(anchor)
    ours = DotInfoNCE() + Flops(query=0.1, document=0.3)
    torch.testing.assert_close(ours(anchor, positive, negative), wanted)


def test_many_share_a_word_costs_more_than_the_same_weights_apart():
    shared, apart = torch.eye(4)[[0, 0, 0, 0]], torch.eye(4)
    assert Flops()(shared).item() == 1.0
    assert Flops()(apart).item() == 0.25
    assert L1Norm()(shared).item() == L1Norm()(apart).item() == 1.0
