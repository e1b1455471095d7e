"""InfoNCE against the equation written out."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.relations import same_label
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor,
    positive,
    negative=None,
    relation=None,
    ids=None,
    negative_ids=None,
    *,
    temperature,
    symmetric,
    margin,
    label_smoothing,
    learn_temperature,
):
    n = len(anchor)
    weights = np.eye(n) if relation is None else relation
    known = None if ids is None or negative_ids is None else negative_ids
    rows = direction(
        anchor, positive, negative, weights, ids, known, temperature, margin, label_smoothing
    )
    if not symmetric:
        return rows
    columns = direction(
        positive, anchor, None, weights.T, ids, None, temperature, margin, label_smoothing
    )
    return rows, columns


def direction(
    anchor, positive, negative, weights, ids, negative_ids, temperature, margin, smoothing
):
    rows = []
    for i in range(len(anchor)):
        candidates = []  # (score, weight)
        for j in range(len(positive)):
            if ids is not None and ids[i] == ids[j] and i != j:
                continue
            score = cosine(anchor[i], positive[j]) - (margin if weights[i, j] > 0 else 0)
            candidates.append((score / temperature, weights[i, j]))
        for j, other in enumerate([] if negative is None else negative):
            if negative_ids is not None and ids[i] == negative_ids[j]:
                continue
            candidates.append((cosine(anchor[i], other) / temperature, 0.0))
        mass = sum(w for _, w in candidates)
        if mass == 0:
            rows.append(None)
            continue
        loss = lse(s for s, _ in candidates)
        for s, w in candidates:
            target = (1 - smoothing) * w / mass + smoothing / len(candidates)
            loss -= target * s
        rows.append(loss)
    return rows


class TestInfoNCE(Battery):
    spec = Spec(
        "infonce",
        oracle,
        settings=(
            {"temperature": 0.3},
            {"temperature": 0.3, "symmetric": False},
            {
                "temperature": 0.5,
                "margin": 0.2,
                "label_smoothing": 0.1,
                "learn_temperature": True,
            },
        ),
    )


def batch(n=6, d=4):
    return torch.randn(2, n, d, dtype=torch.float64)


def test_is_the_cross_entropy_of_the_peers():
    anchor, positive = batch()
    logits = normalize(anchor) @ normalize(positive).T / 0.05
    ways = [cross_entropy(x, torch.arange(6)) for x in (logits, logits.T)]
    torch.testing.assert_close(InfoNCE()(anchor, positive), (ways[0] + ways[1]) / 2)
    torch.testing.assert_close(InfoNCE(symmetric=False)(anchor, positive), ways[0])


def test_negatives_join_the_anchors_candidates():
    anchor, positive = batch()
    negative = batch()[0]
    columns = normalize(torch.cat([positive, negative]))
    wanted = cross_entropy(normalize(anchor) @ columns.T / 0.05, torch.arange(6))
    found = InfoNCE(symmetric=False)(anchor, positive, negative)
    torch.testing.assert_close(found, wanted)


def test_soft_targets_and_smoothing_are_those_of_torch():
    anchor, positive = batch()
    targets = torch.rand(6, 6, dtype=torch.float64)
    targets = targets / targets.sum(1, keepdim=True)
    logits = normalize(anchor) @ normalize(positive).T / 0.5
    wanted = cross_entropy(logits, targets, label_smoothing=0.2)
    objective = InfoNCE(0.5, symmetric=False, label_smoothing=0.2)
    torch.testing.assert_close(objective(anchor, positive, relation=targets), wanted)


def test_a_relation_is_its_matrix():
    anchor, positive = batch()
    labels = torch.tensor([0, 0, 1, 2, 2, 2])
    objective = InfoNCE(margin=0.1)
    found = objective(anchor, positive, relation=same_label(labels))
    matrix = (labels[:, None] == labels).double()
    torch.testing.assert_close(found, objective(anchor, positive, relation=matrix))


def test_a_negative_weight_is_refused():
    with pytest.raises(InputError, match="relation: found -1, expected weights of 0 or more"):
        InfoNCE()(*batch(2), relation=torch.tensor([[1.0, 0.0], [-1.0, 1.0]]))


@pytest.mark.parametrize("temperature", [0.05, 0.02])
def test_an_easy_pair_keeps_its_small_gradient_in_float32(temperature):
    """Positives are equal, negatives orthogonal: the gradient is tiny, and of the right size."""
    torch.manual_seed(0)
    x = torch.eye(8, 16) + 0.05 * torch.randn(8, 16)
    y = x + 0.02 * torch.randn(8, 16)

    def gradient(dtype):
        anchor, positive = x.to(dtype).requires_grad_(), y.to(dtype)
        return torch.autograd.grad(InfoNCE(temperature)(anchor, positive), anchor)[0].double()

    wanted = gradient(torch.float64)
    assert 0 < wanted.norm() < 1e-4
    assert (gradient(torch.float32) - wanted).norm() < 1e-3 * wanted.norm()
