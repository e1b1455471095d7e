"""The sigmoid loss against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import Sigmoid
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(
    anchor,
    positive,
    negative=None,
    relation=None,
    ids=None,
    negative_ids=None,
    *,
    temperature,
    bias,
    learn,
):
    rows = []
    for i in range(len(anchor)):
        loss = 0.0
        for j in range(len(positive)):
            yes = i == j if relation is None else relation[i][j] > 0
            if i != j and ids is not None and ids[i] == ids[j]:
                continue
            logit = cosine(anchor[i], positive[j]) / temperature + bias
            loss += softplus(-logit if yes else logit)
        for j, other in enumerate([] if negative is None else negative):
            if ids is not None and negative_ids is not None and ids[i] == negative_ids[j]:
                continue
            loss += softplus(cosine(anchor[i], other) / temperature + bias)
        rows.append(loss)
    return rows


def softplus(x):
    """-log sigmoid(-x)."""
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


class TestSigmoid(Battery):
    spec = Spec(
        "siglip",
        oracle,
        settings=({}, {"temperature": 0.5, "bias": 0.5, "learn": False}),
    )


def test_starts_where_the_paper_says():
    """Unrelated vectors, 10 and -10: one positive at -10, n - 1 negatives at log(1 + e^-10)."""
    n = 16
    anchor, positive = torch.eye(2 * n).split(n)
    wanted = softplus(10) + (n - 1) * softplus(-10)
    assert Sigmoid()(anchor, positive).item() == pytest.approx(wanted, rel=1e-6)


def test_temperature_and_bias_are_learnt_unless_told_otherwise():
    assert [name for name, _ in Sigmoid().named_parameters()] == ["bias", "temperature.log"]
    assert not [p for p in Sigmoid(learn=False).parameters() if p.requires_grad]
