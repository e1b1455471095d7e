"""Binomial deviance against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import BinomialDeviance, MultiSimilarity
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(views, labels=None, ids=None, *, alpha, beta, lam):
    index = [(v, i) for v in range(len(views)) for i in range(len(views[0]))]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for v, i in index:
        pull, push = [], []
        for w, j in index:
            s = cosine(views[v][i], views[w][j])
            if (w, j) == (v, i):
                continue
            if labels[i] == labels[j]:
                pull.append(math.log1p(math.exp(-alpha * (s - lam))))
            elif ids is None or ids[i] != ids[j]:
                push.append(math.log1p(math.exp(beta * (s - lam))))
        rows.append(sum(pull) / max(len(pull), 1) + sum(push) / max(len(push), 1))
    return rows


class TestBinomialDeviance(Battery):
    spec = Spec("binomial-deviance", oracle, settings=({"beta": 10.0},))


def test_one_positive_and_one_negative_are_multi_similarity_with_other_weights():
    z = torch.randn(1, 3, 4, dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    ours = BinomialDeviance(alpha=1.0, beta=1.0, reduction="none")(z, labels)
    theirs = MultiSimilarity(1.0, 1.0, epsilon=None, reduction="none")(z, labels)
    assert ours[0, 0].item() == pytest.approx(theirs[0, 0].item(), rel=1e-12)
