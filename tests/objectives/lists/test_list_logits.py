"""Losses of logits of lists against the equations written out, and against each other."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import (
    KLListwise,
    LambdaLoss,
    ListMLE,
    ListSoftmax,
    MarginMSE,
    PairBCE,
    PlackettLuce,
    ScoreDistil,
)
from support.battery import Battery
from support.spec import Spec, lse


def with_mask(sizes, generator):
    mask = torch.rand(sizes.n, sizes.k, generator=generator) < 0.7
    mask[-1] = sizes.n == 1
    return {"mask": mask}


def kept(mask, i, row):
    return [k for k in range(len(row)) if mask is None or mask[i][k]]


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def bce(logits, relevance=None, scores=None, mask=None, *, positive_weight):
    rows = []
    for i, row in enumerate(logits):
        terms = []
        for k in kept(mask, i, row):
            if relevance is not None:
                y = relevance[i][k]
            elif scores is not None:
                y = scores[i]
            else:
                y = float(k == 0)
            terms.append(positive_weight * y * softplus(-row[k]) + (1 - y) * softplus(row[k]))
        rows.append(sum(terms) / len(terms) if terms else None)
    return rows


def probabilities(sizes, generator):
    draw = torch.rand(sizes.n, sizes.k + 1, generator=generator, dtype=torch.float64)
    both = {"relevance": draw[:, 1:].round(), "scores": draw[:, 0]}
    return both | with_mask(sizes, generator)


class TestPairBCE(Battery):
    spec = Spec(
        "pair-bce",
        bce,
        settings=({}, {"positive_weight": 3.0}),
        draw=probabilities,
        shapes={"mask": "n k"},
        rotation=False,
    )


def ranknet(logits, relevance, mask=None):
    rows = []
    for i, row in enumerate(logits):
        there, y = kept(mask, i, row), relevance[i]
        terms = [softplus(row[l] - row[k]) for k in there for l in there if y[k] > y[l]]
        rows.append(sum(terms) / len(terms) if terms else None)
    return rows


class TestRankNet(Battery):
    spec = Spec("ranknet", ranknet, draw=with_mask, shapes={"mask": "n k"}, rotation=False)


def lambda_loss(logits, relevance, mask=None, *, at, weights, mu, steepness):
    rows = []
    for i, row in enumerate(logits):
        there, y, then = kept(mask, i, row), relevance[i], at["logits"][i]
        best = sorted((2.0 ** y[k] - 1 for k in there), reverse=True)
        most = sum(gain / math.log2(place + 2) for place, gain in enumerate(best))
        order = sorted(there, key=lambda k: (-then[k], k))
        place = {k: r + 1 for r, k in enumerate(order)}
        terms = []
        for k in there:
            for l in there:
                if y[k] <= y[l]:
                    continue
                apart = abs(place[k] - place[l])
                rho = abs(1 / math.log2(1 + place[k]) - 1 / math.log2(1 + place[l]))
                delta = abs(1 / math.log2(1 + apart) - 1 / math.log2(2 + apart))
                w = {"lambdarank": rho, "ndcg2": delta, "ndcg2++": rho + mu * delta}[weights]
                gain = abs(2.0 ** y[k] - 2.0 ** y[l]) / most
                terms.append(w * gain * softplus(steepness * (row[l] - row[k])) / math.log(2))
        rows.append(sum(terms) if terms else None)
    return rows


class TestLambdaLoss(Battery):
    spec = Spec(
        "lambda-loss",
        lambda_loss,
        settings=({}, {"weights": "lambdarank", "steepness": 2.0}, {"weights": "ndcg2"}),
        draw=with_mask,
        shapes={"mask": "n k"},
        rotation=False,
        detached=True,
    )


def list_softmax(logits, relevance, mask=None, *, target):
    rows = []
    for i, row in enumerate(logits):
        there, y = kept(mask, i, row), relevance[i]
        total = sum(y[k] for k in there)
        if not there or (target == "share" and total == 0):
            rows.append(None)
            continue
        norm = lse(y[k] for k in there)
        share = {k: y[k] / total if target == "share" else math.exp(y[k] - norm) for k in there}
        whole = lse(row[k] for k in there)
        rows.append(sum(share[k] * (whole - row[k]) for k in there))
    return rows


class TestListSoftmax(Battery):
    spec = Spec(
        "list-softmax",
        list_softmax,
        settings=({}, {"target": "softmax"}),
        draw=with_mask,
        shapes={"mask": "n k"},
        rotation=False,
    )


def plackett_luce(logits, relevance, mask=None):
    rows = []
    for i, row in enumerate(logits):
        there, y = kept(mask, i, row), relevance[i]
        terms = [lse(row[l] for l in there if y[l] <= y[k]) - row[k] for k in there]
        rows.append(sum(terms) if terms else None)
    return rows


class TestPlackettLuce(Battery):
    spec = Spec(
        "plackett-luce", plackett_luce, draw=with_mask, shapes={"mask": "n k"}, rotation=False
    )


def score_distil(logits, teacher_scores, mask=None, *, match, teacher_temperature):
    rows = []
    for i, row in enumerate(logits):
        there, t = kept(mask, i, row), teacher_scores[i]
        if match == "margins":
            others = [k for k in there if k > 0] if 0 in there else []
            terms = [((row[0] - row[k]) - (t[0] - t[k])) ** 2 for k in others]
        elif match == "scores":
            terms = [(row[k] - t[k]) ** 2 for k in there]
        else:
            a, b = lse(t[k] / teacher_temperature for k in there), lse(row[k] for k in there)
            logs = [(t[k] / teacher_temperature - a, row[k] - b) for k in there]
            rows.append(sum(math.exp(p) * (p - q) for p, q in logs) if there else None)
            continue
        rows.append(sum(terms) / len(terms) if terms else None)
    return rows


class TestScoreDistil(Battery):
    spec = Spec(
        "score-distil",
        score_distil,
        settings=({}, {"match": "scores"}, {"match": "softmax", "teacher_temperature": 0.5}),
        draw=lambda sizes, generator: (
            with_mask(sizes, generator)
            | {"teacher_scores": torch.randn(sizes.n, sizes.k, generator=generator).double()}
        ),
        shapes={"mask": "n k", "teacher_scores": "n k"},
        rotation=False,
    )


@pytest.fixture
def lists():
    """Logits that are cosines over a temperature of 0.2, and the vectors they are of."""
    anchor, candidates = torch.randn(4, 8), torch.randn(4, 5, 8)
    cosines = torch.cosine_similarity(anchor[:, None], candidates, dim=-1)
    return anchor, candidates, cosines / 0.2, torch.randint(0, 3, (4, 5)).float()


def test_of_cosines_they_are_the_losses_of_vectors(lists):
    anchor, candidates, logits, y = lists
    found = ListMLE(0.2)(anchor, candidates, y)
    torch.testing.assert_close(PlackettLuce()(logits, y), found)
    found = KLListwise(0.2, 0.7)(anchor, candidates, y)
    distil = ScoreDistil(match="softmax", teacher_temperature=0.7)
    torch.testing.assert_close(distil(logits, y), found)
    found = MarginMSE(normalize=True)(anchor, candidates, y)
    torch.testing.assert_close(ScoreDistil()(logits * 0.2, y), found)


def test_lambda_loss_bounds_what_is_lost_of_ndcg():
    """NDCG-Loss2 bounds 1 - nDCG from above (Wang et al. 2018)."""
    logits, y = torch.randn(50, 6), torch.randint(0, 3, (50, 6)).float()
    y[:, 0] = 3  # something is relevant
    bound = LambdaLoss(weights="ndcg2", reduction="none")(logits, y)
    gains = (2 ** y.gather(1, logits.argsort(1, descending=True)) - 1) / torch.log2(
        torch.arange(2.0, 8)
    )
    best = (2 ** y.sort(1, descending=True).values - 1) / torch.log2(torch.arange(2.0, 8))
    assert (bound >= 1 - gains.sum(1) / best.sum(1) - 1e-6).all()


@pytest.mark.parametrize("y", [-1.0, 2.0])
def test_a_relevance_that_is_no_probability_is_refused(y):
    with pytest.raises(InputError, match=r"relevance: found .*, expected 0 to 1 \(for other"):
        PairBCE()(torch.zeros(1, 2), torch.tensor([[0.0, y]]))
    with pytest.raises(InputError, match="relevance: found -1, expected 0 or more"):
        ListSoftmax()(torch.zeros(1, 2), torch.tensor([[1.0, -1.0]]))
