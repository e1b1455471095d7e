"""Multi-similarity against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import MultiSimilarity
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(views, labels=None, ids=None, *, alpha, beta, lam, epsilon):
    index = [(v, i) for v in range(len(views)) for i in range(len(views[0]))]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for v, i in index:
        near, far = [], []
        for w, j in index:
            s = cosine(views[v][i], views[w][j])
            if (w, j) == (v, i):
                continue
            if labels[i] == labels[j]:
                near.append(s)
            elif ids is None or ids[i] != ids[j]:
                far.append(s)
        if epsilon is not None:
            low, high = min(near, default=math.inf), max(far, default=-math.inf)
            near = [s for s in near if s < high + epsilon]
            far = [s for s in far if s > low - epsilon]
        if not near or not far:
            rows.append(0.0)
            continue
        pull = math.log(1 + sum(math.exp(-alpha * (s - lam)) for s in near)) / alpha
        push = math.log(1 + sum(math.exp(beta * (s - lam)) for s in far)) / beta
        rows.append(pull + push)
    return rows


class TestMultiSimilarity(Battery):
    spec = Spec(
        "multi-similarity",
        oracle,
        settings=({"beta": 10.0}, {"beta": 5.0, "lam": 0.2, "epsilon": None}),
    )


def test_without_the_miner_easy_pairs_count_too():
    z = torch.eye(2, dtype=torch.float64).repeat_interleave(2, 0)[None]
    labels = torch.tensor([0, 0, 1, 1])
    assert MultiSimilarity()(z, labels).item() == 0
    # One positive at cosine 1, two negatives at cosine 0, lam = 0.5.
    wanted = math.log1p(math.exp(-1)) / 2 + math.log1p(2 * math.exp(-25)) / 50
    found = MultiSimilarity(epsilon=None)(z, labels).item()
    assert found == pytest.approx(wanted, rel=1e-12)


def test_a_duplicate_is_a_positive_and_only_the_row_itself_is_not():
    """Equal vectors of one class meet at cosine 1; the miner keeps them next to a negative."""
    z = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [1.0, 0.1]]], dtype=torch.float64)
    rows = MultiSimilarity(reduction="none")(z, torch.tensor([0, 0, 1]))
    assert (rows[0, :2] > math.log1p(math.exp(-1)) / 2).all()
    assert rows[0, 2] == 0
