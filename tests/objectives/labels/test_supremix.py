"""SupReMix as loops over views, triples and mixtures."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from dipole.errors import InputError
from dipole.objectives import SupCon, SupReMix
from dipole.objectives.labels import regression_mixtures
from dipole.objectives.labels.regression_mixtures import mix_negatives, mix_positives
from support.battery import Battery
from support.spec import Spec, cosine, lse, reduce_rows

SHARE = 0.25  # what the tests draw in place of a Beta


def oracle(
    views, scores, *, at, temperature, negatives, positives, window, same, power, concentration
):
    window = np.inf if window is None else window
    index = [(v, i) for v in range(len(views)) for i in range(len(scores))]
    unit = {(v, i): at["views"][v][i] / np.linalg.norm(at["views"][v][i]) for v, i in index}
    rows = []
    for v, i in index:
        columns = []  # score, label, is it positive
        for w, j in index:
            if (w, j) != (v, i):
                score = cosine(views[v][i], views[w][j])
                columns.append((score, scores[j], abs(scores[j] - scores[i]) <= same))
        z = views[v][i] / np.linalg.norm(views[v][i])
        if negatives:
            for w, k in index:
                if abs(scores[k] - scores[i]) > same:
                    mixed = SHARE * unit[v, i] + (1 - SHARE) * unit[w, k]
                    label = SHARE * scores[i] + (1 - SHARE) * scores[k]
                    columns.append((z @ mixed, label, False))
        if positives:
            for w, j in index:
                for u, k in index:
                    down, up = scores[i] - scores[j], scores[k] - scores[i]
                    if same < down < window and same < up < window:
                        a = up / (scores[k] - scores[j])
                        columns.append(
                            (z @ (a * unit[w, j] + (1 - a) * unit[u, k]), scores[i], True)
                        )
        good = [score / temperature for score, _, positive in columns if positive]
        every = [
            score / temperature + np.log(1 + abs(scores[i] - label) ** power)
            for score, label, _ in columns
        ]
        rows.append(lse(every) - sum(good) / len(good) if good else None)
    return rows


def few_labels(sizes, generator):
    """Labels on a grid, so that some are equal and all triples are few."""
    return {"scores": torch.randint(0, 4, (sizes.n,), generator=generator).double() / 2}


class TestSupReMix(Battery):
    # Mix-neg draws its shares; with few enough triples all Mix-pos are taken, without drawing.
    spec = Spec(
        "supremix",
        oracle,
        settings=(
            {"temperature": 0.3, "negatives": 0, "positives": 0},
            {"temperature": 0.3, "negatives": 0, "positives": 1000, "window": 0.8, "power": 2.0},
            {"temperature": 0.3, "negatives": 0, "positives": 1000, "same": 0.6},
        ),
        draw=few_labels,
        detached=True,
    )


@pytest.mark.parametrize("positives", [0, 1000])
def test_mixed_negatives(positives, monkeypatch):
    class Fixed:
        def __init__(self, *concentration):
            assert concentration == (2.0, 8.0)

        def sample(self, shape):
            return torch.full(shape, SHARE)

    monkeypatch.setattr(torch.distributions, "Beta", Fixed)
    spec = TestSupReMix.spec
    for seed, n in enumerate((1, 2, 6)):
        inputs = spec.inputs(n, seed=seed)
        settings = {"temperature": 0.3, "negatives": 1000, "positives": positives, "window": 0.8}
        found = spec.build(settings)(**inputs)
        wanted = reduce_rows(spec.expected(inputs, settings))
        assert found.item() == pytest.approx(float(wanted), abs=1e-12)


def test_without_mixtures_and_weights_it_is_supcon():
    views = torch.randn(2, 6, 4, dtype=torch.float64)
    scores = torch.tensor([0.0, 1.0, 0.0, 2.0, 1.0, 3.0]).double() * 1e-9
    found = SupReMix(0.3, negatives=0, positives=0)(views, scores)
    wanted = SupCon(0.3)(views, labels=torch.tensor([0, 1, 0, 2, 1, 3]))
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-7)


def test_draws():
    """Who is drawn, how often, and with what label; and the share of the anchor is a Beta."""
    torch.manual_seed(0)
    labels = torch.arange(40.0).double()
    vectors = torch.eye(40).double()
    mixed = mix_positives(labels, vectors, labels, most=64, window=6.0)
    torch.testing.assert_close(mixed.labels, labels[:, None].expand(mixed.labels.shape))
    assert mixed.there.sum(1).tolist()[:4] == [0, 5, 10, 15]  # all pairs below and above
    used = (mixed.vectors != 0) & mixed.there[:, :, None]
    assert set(used[20].any(0).nonzero().flatten().tolist()) == {*range(15, 20), *range(21, 26)}
    # The mixture of the labels is the anchor's own label, exactly.
    torch.testing.assert_close((mixed.vectors @ labels)[mixed.there], mixed.labels[mixed.there])

    mixed = mix_negatives(vectors, labels, vectors, labels, most=30)
    assert mixed.there.all()
    torch.testing.assert_close(mixed.vectors @ labels, mixed.labels)
    shares = mixed.vectors.diagonal(dim1=0, dim2=2).T  # what the anchor has in its mixtures
    assert (shares < 1).all()
    assert kstest(shares.flatten().numpy(), "beta", args=(2, 8)).pvalue > 1e-3
    partners = (mixed.vectors > 0).float().sum((0, 1))
    assert partners.min() > 30  # everybody is drawn by somebody


def test_choice_is_uniform():
    pick, there = regression_mixtures._choose(torch.tensor([10_000, 3, 0]), 5000)
    assert there.sum(1).tolist() == [5000, 3, 0]
    assert pick[1, :3].tolist() == [0, 1, 2]
    assert kstest(pick[0].numpy() / 10_000, "uniform").pvalue > 1e-3


def test_mixtures_have_no_gradient_but_the_anchor_has():
    views = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    scores = torch.randn(5, dtype=torch.float64)
    gradients = []
    for settings in ({"negatives": 0}, {"negatives": 8}):
        torch.manual_seed(3)
        loss = SupReMix(0.3, positives=8, **settings)(views, scores)
        gradients.append(torch.autograd.grad(loss, views)[0])
    assert gradients[0].isfinite().all()
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize(
    "settings",
    [{"negatives": -1}, {"same": -0.1}, {"window": 0.0}, {"concentration": (2,)}, {"power": 0}],
)
def test_bad_settings(settings):
    with pytest.raises(InputError, match=rf"^{next(iter(settings))}: found .*, expected "):
        SupReMix(**settings)
