"""CLIP-Rocket and SwALIP as loops over pairs of views."""

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import CLIPRocket, InfoNCE, SwALIP
from support.battery import Battery
from support.spec import Spec, cosine, lse, reduce_rows


def smoothed(x, y, ids, temperature, smoothing):
    """Both directions of InfoNCE with label smoothing, as the mean per row."""
    rows = []
    for i in range(len(x)):
        seen = [j for j in range(len(x)) if j == i or ids is None or ids[j] != ids[i]]
        row = 0.0
        for one, other in ((x, y), (y, x)):
            logits = {j: cosine(one[i], other[j]) / temperature for j in seen}
            for j in seen:
                target = (1 - smoothing) * (j == i) + smoothing / len(seen)
                row += target * (lse(logits.values()) - logits[j]) / 2
        rows.append(row)
    return rows


def rocket(views, ids=None, *, temperature, strong_temperature, label_smoothing, learn_temperature):
    k = len(views) // 2 - 1
    x, y = views[: k + 1], views[k + 1 :]
    total = np.array(smoothed(x[0], y[0], ids, temperature, 0.0))
    for a in range(1, k + 1):
        for b in range(1, k + 1):
            rows = smoothed(x[a], y[b], ids, strong_temperature, label_smoothing)
            total = total + np.array(rows) / k
    return list(total / (1 + k))


def of(count):
    """So many views in a batch."""

    def draw(sizes, generator):
        shape = (count, sizes.n, sizes.d)
        return {"views": torch.randn(shape, generator=generator, dtype=torch.float64)}

    return draw


WARM = {"temperature": 0.3, "strong_temperature": 0.5}


class TestRocket(Battery):
    spec = Spec("clip-rocket", rocket, settings=(WARM,), draw=of(6))


def plan_rows(scores, temperature, iterations):
    """The textbook loop: columns, then rows, of exp(scores / temperature); rows as shares."""
    q = np.exp((scores - scores.max()) / temperature)
    n = len(q)
    for _ in range(iterations):
        for j in range(n):
            q[:, j] /= q[:, j].sum() * n
        for i in range(n):
            q[i] /= q[i].sum() * n
    return q * n


def oracle(views, *, at, temperature, code_temperature, iterations, learn_temperature):
    k, n = len(views) // 2, len(views[0])

    def scores(z, a, b):
        return np.array([[cosine(z[a][i], z[k + b][j]) for j in range(n)] for i in range(n)])

    loss = 0.0
    for a in range(k):
        for b in range(k):
            s, target = scores(views, a, b) / temperature, scores(at["views"], k - 1 - a, k - 1 - b)
            for logits, plan in (
                (s, plan_rows(target, code_temperature, iterations)),
                (s.T, plan_rows(target.T, code_temperature, iterations)),
            ):
                for i in range(n):
                    for j in range(n):
                        loss += plan[i, j] * (lse(logits[i]) - logits[i, j]) / n
    return loss / (2 * k * k)


class TestSwALIP(Battery):
    spec = Spec(
        "swalip",
        oracle,
        settings=(
            {"temperature": 0.3, "code_temperature": 0.4},
            {"temperature": 0.3, "code_temperature": 0.8, "iterations": 1},
        ),
        draw=of(4),
        detached=True,
    )


def test_one_view_of_each():
    views = torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(
        CLIPRocket(0.2, learn_temperature=False)(views), InfoNCE(0.2)(*views)
    )
    settings = {"temperature": 0.3, "code_temperature": 0.5, "learn_temperature": False}
    wanted = oracle(views.numpy(), at={"views": views.numpy()}, iterations=3, **settings)
    found = SwALIP(**settings)(views)
    assert found.item() == pytest.approx(float(reduce_rows(wanted)), abs=1e-12)


def test_cold_targets_are_a_matching():
    """Each row's whole mass lies on one column where the plan is cold, on all where it is hot."""
    views = torch.stack([torch.eye(4), torch.eye(4).roll(1, 0)]).double()
    cold = SwALIP(1.0, code_temperature=1e-3, learn_temperature=False)(views)
    wanted = np.log(np.e + 3) - 1  # the matched pair has the cosine 1, three others 0
    assert cold.item() == pytest.approx(wanted, abs=1e-9)
    hot = SwALIP(1.0, code_temperature=1e3, learn_temperature=False)(views)
    assert hot.item() == pytest.approx(np.log(np.e + 3) - 1 / 4, abs=1e-3)


@pytest.mark.parametrize("cls", [CLIPRocket, SwALIP])
def test_an_odd_view(cls):
    with pytest.raises(InputError, match=r"^views: found 3 views, expected as many of one"):
        cls()(torch.randn(3, 4, 2))
