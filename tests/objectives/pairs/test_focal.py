"""Focal InfoNCE and focal sigmoid against the equations written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import FocalInfoNCE, FocalSigmoid, InfoNCE, Sigmoid
from support.battery import Battery
from support.spec import Spec, cosine, lse


def log_odds(x, y, negative, ids, negative_ids, temperature, own, mask):
    """log P / (1 - P) of every row: P = exp own / (exp own + sum exp negatives)."""
    n = len(x)
    for i in range(n):
        negatives = [
            cosine(x[i], y[j]) / temperature
            for j in range(n)
            if j != i and (ids is None or ids[j] != ids[i])
        ]
        for j in range(0 if negative is None else len(negative)):
            if ids is None or negative_ids is None or negative_ids[j] != ids[i]:
                negatives.append(cosine(x[i], negative[j]) / temperature)
        for k in range(0 if own is None else len(own[i])):
            if mask is None or mask[i][k]:
                negatives.append(cosine(x[i], own[i][k]) / temperature)
        yield cosine(x[i], y[i]) / temperature - lse(negatives)


def log_sigmoid(x):
    return min(x, 0) - math.log1p(math.exp(-abs(x)))


def infonce_oracle(
    anchor,
    positive,
    negative=None,
    ids=None,
    negative_ids=None,
    candidates=None,
    mask=None,
    *,
    temperature,
    gamma,
    detach,
    symmetric,
    at=None,
    **_,
):
    now = {"anchor": anchor, "positive": positive, "negative": negative, "candidates": candidates}
    at = at if detach else now
    directions = [("anchor", "positive", "negative", "candidates")]
    directions += [("positive", "anchor", None, None)] if symmetric else []
    losses = []
    for x, y, extra, own in directions:
        odds, frozen = (
            log_odds(v[x], v[y], v.get(extra), ids, negative_ids, temperature, v.get(own), mask)
            for v in (now, at)
        )
        losses.append(
            [
                0.0 if o == math.inf else -math.exp(gamma * log_sigmoid(-f)) * log_sigmoid(o)
                for o, f in zip(odds, frozen, strict=True)
            ]
        )
    return tuple(losses)


def sigmoid_oracle(anchor, positive, ids=None, *, temperature, gamma, **_):
    n, rows = len(anchor), []
    for i in range(n):
        loss = 0.0
        for j in range(n):
            if j != i and ids is not None and ids[j] == ids[i]:
                continue
            u = cosine(anchor[i], positive[j]) / temperature * (1 if i == j else -1)
            loss -= math.exp(gamma * log_sigmoid(-u)) * log_sigmoid(u)
        rows.append(loss)
    return rows


def padding(sizes, generator):
    return {"mask": torch.rand(sizes.n, sizes.k, generator=generator) < 0.6}


OWN = {"draw": padding, "shapes": {"mask": "n k"}}


class TestFocalInfoNCE(Battery):
    spec = Spec(
        "focal-infonce",
        infonce_oracle,
        settings=({"temperature": 0.3}, {"temperature": 0.3, "symmetric": False, "gamma": 0.5}),
        **OWN,
    )


class TestDetached(Battery):
    spec = Spec(
        "focal-infonce",
        infonce_oracle,
        settings=({"temperature": 0.3, "gamma": 0.5, "detach": True, "symmetric": False},),
        detached=True,
        **OWN,
    )


class TestFocalSigmoid(Battery):
    spec = Spec("focal-sigmoid", sigmoid_oracle, settings=({"temperature": 0.3},))


def test_gamma_zero_is_the_plain_loss():
    a, p, negative = torch.randn(3, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(FocalInfoNCE(gamma=0)(a, p, negative), InfoNCE()(a, p, negative))
    plain = Sigmoid(bias=0.0, learn=False)
    torch.testing.assert_close(FocalSigmoid(gamma=0)(a, p), plain(a, p))


def test_half_sure_is_a_quarter_of_the_loss():
    """Two candidates that score alike: P = 1/2, so the loss is log 2 / 4."""
    x = torch.ones(2, 3)
    assert FocalInfoNCE()(x, x).item() == pytest.approx(math.log(2) / 4)


@pytest.mark.parametrize("cls", [FocalInfoNCE, FocalSigmoid])
def test_gamma_below_zero(cls):
    with pytest.raises(InputError, match=r"^gamma: found -1, expected a number of 0 or more"):
        cls(gamma=-1)
