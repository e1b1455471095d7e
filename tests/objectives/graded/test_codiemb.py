"""CoDiEmb's losses for scored pairs against the equations written out."""

import math

import numpy as np
import pytest
import torch

from dipole.objectives import CoDiEmb, Pearson, PreferenceRanking, RankKL
from support.battery import Battery
from support.spec import Spec, cosine, lse, reduce_rows


def similarities(anchor, positive):
    return [cosine(a, p) for a, p in zip(anchor, positive, strict=True)]


def pearson_oracle(anchor, positive, scores):
    if len(set(scores)) == 1:
        return 0.0
    return 1 - float(np.corrcoef(similarities(anchor, positive), scores)[0, 1])


def rank_kl_oracle(anchor, positive, scores, *, temperature):
    n, found = len(scores), similarities(anchor, positive)
    if n == 1:
        return 0.0
    target = []
    for y in scores:
        rank = sum(z > y for z in scores) + (sum(z == y for z in scores) - 1) / 2
        target.append((n - 1 - rank) / (n - 1) / temperature)
    logits = [c / temperature for c in found]
    loss = 0.0
    for t, c in zip(target, logits, strict=True):
        log_p, log_q = t - lse(target), c - lse(logits)
        loss += math.exp(log_p) * (log_p - log_q) / n
    return loss


def ranking_oracle(anchor, positive, scores, *, temperature):
    found, rows = similarities(anchor, positive), []
    for k, y in enumerate(scores):
        lower = [j for j, z in enumerate(scores) if y - z > 1e-8]
        if not lower:
            rows.append(None)
            continue
        mine = max(y - scores[j] for j in lower) * found[k] / temperature
        rows.append(lse([mine, *((y - scores[j]) * found[j] / temperature for j in lower)]) - mine)
    return rows


def codiemb_oracle(
    anchor, positive, scores, *, temperature, pearson_weight, ranking_weight, rank_kl_weight
):
    given = anchor, positive, scores
    ranking = float(reduce_rows(ranking_oracle(*given, temperature=temperature)))
    return (
        pearson_weight * pearson_oracle(*given)
        + ranking_weight * ranking
        + rank_kl_weight * rank_kl_oracle(*given, temperature=temperature)
    )


def with_ties(sizes, generator):
    return {"scores": torch.randint(0, 4, (sizes.n,), generator=generator).double() / 2}


class TestPearson(Battery):
    # With two pairs the correlation is 1 or -1 whatever their cosines: three, in three dimensions.
    spec = Spec("pearson", pearson_oracle, least=3, draw=lambda s, g: wide_enough(s, g))


def wide_enough(sizes, generator):
    """In one dimension all cosines are 1 or -1, and may all be the same."""
    if sizes.d > 1:
        return {}
    x = torch.randn(2, sizes.n, 2, generator=generator, dtype=torch.float64)
    return {"anchor": x[0], "positive": x[1]}


class TestRankKL(Battery):
    spec = Spec("rank-kl", rank_kl_oracle, settings=({"temperature": 0.3},), draw=with_ties)


class TestPreferenceRanking(Battery):
    spec = Spec(
        "preference-ranking", ranking_oracle, settings=({"temperature": 0.3},), draw=with_ties
    )


class TestCoDiEmb(Battery):
    spec = Spec(
        "codiemb",
        codiemb_oracle,
        settings=({"temperature": 0.3},),
        draw=lambda s, g: with_ties(s, g) | wide_enough(s, g),
        least=3,
    )


def in_order(n=5):
    """Pairs whose cosines rise, and scores that rise with them."""
    angle = torch.linspace(1.5, 0.1, n, dtype=torch.float64)
    anchor = torch.tensor([[1.0, 0.0]], dtype=torch.float64).repeat(n, 1)
    return anchor, torch.stack([angle.cos(), angle.sin()], 1), torch.arange(n).double()


def test_scores_in_order_cost_less_than_in_any_other():
    anchor, positive, scores = in_order()
    for objective in (Pearson(), RankKL(), PreferenceRanking(), CoDiEmb()):
        best = objective(anchor, positive, scores)
        for _ in range(5):
            mixed = scores[torch.randperm(5)]
            if not torch.equal(mixed, scores):
                assert objective(anchor, positive, mixed) > best


def test_correlation_is_blind_to_scale_and_shift():
    anchor, positive = torch.randn(2, 6, 3, dtype=torch.float64)
    scores = torch.randn(6, dtype=torch.float64)
    found = Pearson()(anchor, positive, 3 * scores - 7)
    torch.testing.assert_close(found, Pearson()(anchor, positive, scores))


@pytest.mark.parametrize("constant", ["scores", "cosines"])
def test_nothing_to_correlate(constant):
    anchor = torch.randn(4, 3, requires_grad=True)
    if constant == "scores":
        loss = Pearson()(anchor, torch.randn(4, 3), torch.full((4,), 0.1))
        assert loss.item() == 0
    else:
        loss = Pearson()(anchor, anchor.detach() * 0, torch.arange(4.0))
        assert loss.item() == 1
    assert torch.autograd.grad(loss, anchor)[0].abs().max() == 0
