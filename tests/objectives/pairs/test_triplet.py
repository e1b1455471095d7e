"""Triplets, explicit and mined, against loops over the triplets themselves."""

import math

import pytest
import torch
from torch.nn.functional import normalize, triplet_margin_loss

from dipole.errors import InputError
from dipole.objectives import BatchTriplet, Triplet
from support.battery import Battery
from support.spec import Spec, cosine


def far(x, y, kind):
    squared = 2 - 2 * cosine(x, y)
    return squared if kind == "squared" else math.sqrt(max(squared, 0))


def term(gap, margin):
    return math.log1p(math.exp(gap)) if margin is None else max(0, gap + margin)


def mined(near, away, margin, mining):
    """The mean over the triplets of one anchor: distances of its positives and negatives."""
    if not near or not away:
        return None
    if mining == "hard":
        near, kept = [max(near)], lambda p: [min(away)]
    elif mining == "semi-hard":

        def kept(p):
            return [min((n for n in away if n > p), default=max(away))]
    else:

        def kept(p):
            return away

    terms = [term(p - n, margin) for p in near for n in kept(p)]
    if mining == "active":
        terms = [t for t in terms if t > 0]
    return sum(terms) / max(len(terms), 1)


def oracle(
    anchor,
    positive,
    negative=None,
    candidates=None,
    ids=None,
    negative_ids=None,
    *,
    margin,
    mining,
    distance,
):
    rows = []
    for i, a in enumerate(anchor):
        if candidates is not None:
            away = list(candidates[i])
        else:
            away = [
                p for j, p in enumerate(positive) if j != i and (ids is None or ids[i] != ids[j])
            ]
        for j, n in enumerate([] if negative is None else negative):
            if ids is None or negative_ids is None or ids[i] != negative_ids[j]:
                away.append(n)
        away = [far(a, n, distance) for n in away]
        rows.append(mined([far(a, positive[i], distance)], away, margin, mining))
    return rows


def batch_oracle(views, labels=None, ids=None, *, margin, mining, distance):
    index = [(v, i) for v in range(len(views)) for i in range(len(views[0]))]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for v, i in index:
        near, away = [], []
        for w, j in index:
            d = far(views[v][i], views[w][j], distance)
            if (w, j) == (v, i):
                continue
            if labels[i] == labels[j]:
                near.append(d)
            elif ids is None or ids[i] != ids[j]:
                away.append(d)
        rows.append(mined(near, away, margin, mining))
    return rows


SETTINGS = (
    {"margin": 0.8},
    {"margin": 0.8, "mining": "semi-hard"},
    {"margin": None, "mining": "all", "distance": "euclidean"},
    {"margin": 0.3, "mining": "active"},
)


class TestTriplet(Battery):
    spec = Spec("triplet", oracle, settings=SETTINGS, smooth=False)


def small_classes(sizes, generator):
    """Fewer triplets, so that the tests stay quick."""
    return {"labels": torch.randint(0, sizes.n, (sizes.n,), generator=generator)}


class TestBatchTriplet(Battery):
    spec = Spec("triplet-batch", batch_oracle, SETTINGS, small_classes, smooth=False)


def test_explicit_triplets_are_those_of_torch():
    anchor, positive, negative = torch.randn(3, 6, 4, dtype=torch.float64)
    found = Triplet(margin=0.5, distance="euclidean")(
        anchor, positive, candidates=negative[:, None]
    )
    units = map(normalize, (anchor, positive, negative))
    torch.testing.assert_close(found, triplet_margin_loss(*units, margin=0.5, eps=0))


def test_more_positives_than_one_pass_serves():
    views = torch.randn(1, 24, 3, dtype=torch.float64)
    labels = torch.arange(24) // 12
    for mining in ("semi-hard", "all", "active"):
        wanted = batch_oracle(
            views.numpy(), labels.numpy(), margin=0.5, mining=mining, distance="squared"
        )
        found = BatchTriplet(0.5, mining)(views, labels)
        assert found.item() == pytest.approx(sum(wanted) / 24, rel=1e-12)


def test_a_mining_that_does_not_exist():
    with pytest.raises(InputError, match="mining: found 'easy', expected 'hard', 'semi-hard', "):
        Triplet(mining="easy")
    with pytest.raises(InputError, match="distance: found 'l2', expected 'squared' or"):
        Triplet(distance="l2")
