"""GRAM against the equation written out, with the determinant itself."""

import math

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import GRAM, InfoNCE
from support.battery import Battery
from support.spec import Spec, lse


def volume(vectors):
    a = np.stack([v / math.sqrt(float(v @ v)) for v in vectors])
    return math.sqrt(max(float(np.linalg.det(a @ a.T)), 0))


def oracle(views, ids=None, *, temperature, label_smoothing, learn_temperature):
    n = len(views[0])

    def loss(i, logit):
        seen = [j for j in range(n) if j == i or ids is None or ids[i] != ids[j]]
        logits = {j: logit(j) for j in seen}
        smooth = label_smoothing * sum(logits.values()) / len(seen)
        return lse(logits.values()) - (1 - label_smoothing) * logits[i] - smooth

    v = [[volume([a, *views[1:, j]]) / -temperature for j in range(n)] for a in views[0]]
    return (
        [loss(i, lambda j, i=i: v[i][j]) for i in range(n)],
        [loss(i, lambda j, i=i: v[j][i]) for i in range(n)],
    )


def enough_dimensions(sizes, generator):
    """Three vectors span a volume in three dimensions; in fewer it is 0, and has no slope.

    Near 0 the slope is steep: each modality has a direction of its own.
    """
    d = max(sizes.d, 3)
    noise = torch.randn(sizes.v, sizes.n, d, generator=generator, dtype=torch.float64)
    return {"views": torch.eye(sizes.v, d, dtype=torch.float64)[:, None] + noise / 3}


class TestGRAM(Battery):
    spec = Spec("gram", oracle, settings=({"temperature": 0.3},), draw=enough_dimensions)


def test_two_modalities_are_the_sine_of_their_angle():
    views = torch.randn(2, 5, 3, dtype=torch.float64)
    cosine = torch.cosine_similarity(views[0][:, None], views[1][None], dim=-1)
    logits = -(1 - cosine.square()).sqrt() / 0.07
    cross_entropy = torch.nn.functional.cross_entropy
    wanted = sum(cross_entropy(x, torch.arange(5), label_smoothing=0.1) for x in (logits, logits.T))
    torch.testing.assert_close(GRAM()(views).detach(), wanted / 2, rtol=1e-6, atol=1e-6)


def test_coinciding_modalities_have_a_finite_gradient():
    """The bundle's two vectors are one: every volume is 0, nothing can be told apart."""
    views = torch.randn(2, 4, 3)
    views = torch.cat([views, views[1:]]).requires_grad_()
    loss = GRAM()(views)
    assert loss.item() == pytest.approx(math.log(4), abs=1e-4)
    assert torch.autograd.grad(loss, views)[0].isfinite().all()


def test_signs_mean_nothing_unlike_with_cosines():
    views = torch.randn(3, 5, 4, dtype=torch.float64)
    turned = views * torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(GRAM()(turned), GRAM()(views))
    assert not torch.allclose(InfoNCE()(*turned[:2]), InfoNCE()(*views[:2]))


def test_one_modality_is_too_few():
    with pytest.raises(InputError, match=r"views: found shape \(1, .*\), expected 2 views or more"):
        GRAM()(torch.randn(1, 4, 3))
