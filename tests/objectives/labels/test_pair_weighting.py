"""Five losses and their weighted sums have one gradient; the weights the paper writes out."""

import math
from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from dipole.errors import InputError
from dipole.objectives import (
    BatchContrastive,
    BatchTriplet,
    BinomialDeviance,
    Lifted,
    MultiSimilarity,
)
from dipole.objectives.graded.contrastive import contrastive_rows
from dipole.objectives.labels.pair_weighting import pair_weights, weighted_sum
from dipole.objectives.pairs.triplet import triplet_rows

LABELS = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
LOSSES = [
    (BatchContrastive(1.2), partial(contrastive_rows, margin=1.2)),
    (
        BatchTriplet(0.5, "all"),
        lambda b: triplet_rows(b, 0.5, "all", "squared")[0],
    ),
    (
        BinomialDeviance(2.0, 10.0, 0.5),
        BinomialDeviance(2.0, 10.0, 0.5).per_row,
    ),
    (Lifted(), lambda b: Lifted().per_row(b)[0]),
    (MultiSimilarity(beta=10.0), MultiSimilarity(beta=10.0).per_row),
]


@pytest.mark.parametrize(("objective", "rows"), LOSSES, ids=[o.name for o, _ in LOSSES])
def test_the_weighted_sum_has_the_gradient_of_the_loss(objective, rows):
    z = torch.randn(8, 4, dtype=torch.float64, requires_grad=True)
    scores = normalize(z) @ normalize(z).T
    weights = pair_weights(rows, scores, LABELS)
    (found,) = torch.autograd.grad(weighted_sum(scores, weights), z, retain_graph=True)
    (wanted,) = torch.autograd.grad(objective(z[None], labels=LABELS), z)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-12)
    same = LABELS[:, None] == LABELS
    assert (weights[same] <= 0).all()
    assert (weights[~same] >= 0).all()


def test_the_weights_of_multi_similarity_are_those_of_the_paper():
    z = normalize(torch.randn(8, 4, dtype=torch.float64))
    s = z @ z.T
    alpha, beta, lam, epsilon = 2.0, 10.0, 0.5, 0.1
    found = pair_weights(MultiSimilarity(beta=beta).per_row, s, LABELS)
    for i in range(8):
        near = [j for j in range(8) if LABELS[j] == LABELS[i] and j != i]
        far = [j for j in range(8) if LABELS[j] != LABELS[i]]
        low, high = min(s[i, j] for j in near), max(s[i, j] for j in far)
        near = [j for j in near if s[i, j] < high + epsilon]
        far = [j for j in far if s[i, j] > low - epsilon]
        for j in near:
            inside = math.exp(-alpha * (lam - s[i, j]))
            inside += sum(math.exp(-alpha * (s[i, k] - s[i, j])) for k in near)
            assert found[i, j].item() == pytest.approx(-1 / inside)
        for j in far:
            inside = math.exp(beta * (lam - s[i, j]))
            inside += sum(math.exp(beta * (s[i, k] - s[i, j])) for k in far)
            assert found[i, j].item() == pytest.approx(1 / inside)
        left = set(range(8)) - set(near) - set(far)
        assert not found[i, list(left)].any()


def test_a_matrix_that_is_not_square():
    with pytest.raises(InputError, match=r"scores: found shape \(3, 2\), expected \(n, n\)"):
        pair_weights(MultiSimilarity().per_row, torch.ones(3, 2), torch.arange(3))
