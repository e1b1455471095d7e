"""The three poly-view losses against the equation written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import PolyView
from support.battery import Battery
from support.spec import Spec, lse

T = {"temperature": 0.3}


def unit(x):
    return x / math.sqrt(float(x @ x))


def oracle(views, ids=None, *, temperature, mode, renormalise):
    v, n, rows = len(views), len(views[0]), []
    z = [[unit(views[a][i]) for a in range(v)] for i in range(n)]

    def log_ratio(i, key, query):
        """log l of one key and one query of example i."""
        positive = float(key @ query) / temperature
        negatives = [
            float(z[j][g] @ query) / temperature
            for j in range(n)
            for g in range(v)
            if j != i and (ids is None or ids[j] != ids[i])
        ]
        return positive - lse([positive, *negatives])

    for i in range(n):
        losses = []
        for a in range(v):
            rest = [z[i][b] for b in range(v) if b != a]
            if mode == "sufficient":
                mean = sum(rest) / len(rest)
                losses.append(-log_ratio(i, z[i][a], unit(mean) if renormalise else mean))
                continue
            logs = [log_ratio(i, z[i][a], query) for query in rest]
            if mode == "geometric":
                losses.append(-sum(logs) / len(logs))
            else:
                losses.append(math.log(len(logs)) - lse(logs))
        rows.append(sum(losses) / v)
    return rows


class TestGeometric(Battery):
    spec = Spec("poly-view", oracle, settings=(T,))


class TestArithmetic(Battery):
    spec = Spec("poly-view", oracle, settings=(T | {"mode": "arithmetic"},))


class TestSufficient(Battery):
    spec = Spec(
        "poly-view",
        oracle,
        settings=(T | {"mode": "sufficient"}, T | {"mode": "sufficient", "renormalise": False}),
    )


def test_two_views_make_all_modes_one():
    views = torch.randn(2, 6, 4, dtype=torch.float64)
    modes = ("geometric", "arithmetic", "sufficient")
    first, *rest = (PolyView(mode=mode, reduction="none")(views) for mode in modes)
    for other in rest:
        torch.testing.assert_close(first, other)


def test_two_views_are_ntxent_without_the_views_of_the_same_example():
    a, p = torch.nn.functional.normalize(torch.randn(2, 6, 4, dtype=torch.float64), dim=-1)
    z, n = torch.cat([a, p]), len(a)
    scores = z @ z.T / 0.1
    own = torch.arange(2 * n) % n
    kept = (own[:, None] != own) | (torch.arange(2 * n).roll(n)[:, None] == torch.arange(2 * n))
    wanted = torch.nn.functional.cross_entropy(
        scores.masked_fill(~kept, -torch.inf), torch.arange(2 * n).roll(n)
    )
    torch.testing.assert_close(PolyView()(torch.stack([a, p])), wanted)


def test_arithmetic_is_never_above_geometric():
    for seed in range(20):
        views = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(seed))
        low, high = (PolyView(mode=m, reduction="none")(views) for m in ("arithmetic", "geometric"))
        assert (low <= high + 1e-5).all()
        assert (low < high - 1e-3).any()


def test_unknown_mode():
    with pytest.raises(InputError, match=r"^mode: found 'harmonic', expected 'geometric', "):
        PolyView(mode="harmonic")
