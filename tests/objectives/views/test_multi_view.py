"""MV-InfoNCE and MV-DHEL against the equations written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import DCL, MVDHEL, MVInfoNCE, NTXent
from dipole.objectives.views.multi_view import EveryPair
from support.battery import Battery
from support.spec import Spec, cosine, lse


def alignment(views, i, temperature):
    v = len(views)
    return [
        cosine(views[k][i], views[m][i]) / temperature for k in range(v) for m in range(k + 1, v)
    ]


def infonce_oracle(views, ids=None, *, temperature):
    v, n, rows = len(views), len(views[0]), []
    for i in range(n):
        every = [
            cosine(views[k][i], views[m][j]) / temperature
            for k in range(v)
            for j in range(n)
            for m in range(v)
            if (j, m) != (i, k) and (j == i or ids is None or ids[j] != ids[i])
        ]
        near = math.log(2) + lse(alignment(views, i, temperature))
        rows.append(lse(every) - near)
    return rows


def dhel_oracle(views, ids=None, *, temperature):
    n, rows = len(views[0]), []
    for i in range(n):
        others = [j for j in range(n) if j != i and (ids is None or ids[j] != ids[i])]
        spread = sum(lse(cosine(x[i], x[j]) / temperature for j in others) for x in views)
        rows.append(spread - lse(alignment(views, i, temperature)) if others else None)
    return rows


class TestMVInfoNCE(Battery):
    spec = Spec("mv-infonce", infonce_oracle, settings=({"temperature": 0.3},))


class TestMVDHEL(Battery):
    spec = Spec("mv-dhel", dhel_oracle, settings=({"temperature": 0.3},))


def test_dhel_of_two_views_at_right_angles():
    """Twice log 3 for the spread (scores 0), less 1 / 0.5 for the alignment."""
    loss = MVDHEL(temperature=0.5)(torch.eye(4).expand(2, 4, 4))
    assert loss.item() == pytest.approx(2 * math.log(3) - 2)


def test_infonce_of_one_example_and_two_views_is_ntxent():
    """Both are certain of the only candidate there is."""
    views = torch.randn(2, 1, 5)
    assert MVInfoNCE()(views).item() == pytest.approx(NTXent()(*views).item(), abs=1e-6)


def test_two_views_that_see_each_other_alike():
    """Where both views of an example have equal denominators, one term is NT-Xent's two."""
    first = torch.randn(6, 3, dtype=torch.float64)
    second = first * torch.tensor([1.0, 1.0, -1.0])  # a mirror image
    one = MVInfoNCE(temperature=0.3)(torch.stack([first, second]))
    torch.testing.assert_close(one, NTXent(temperature=0.3)(first, second))


def test_views_spread_on_their_own():
    """MV-DHEL takes no interest in how far views of different kinds are from other examples."""
    views = torch.randn(2, 5, 4, dtype=torch.float64)
    parts = MVDHEL(reduction="none")(views)
    turned = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    apart = MVDHEL(reduction="none")(torch.stack([views[0], views[1] @ turned]))
    score = [torch.cosine_similarity(views[0], x) / 0.2 for x in (views[1], views[1] @ turned)]
    torch.testing.assert_close(parts + score[0], apart + score[1])
    assert not torch.allclose(DCL()(views[0], views[1]), DCL()(views[0], views[1] @ turned))


@pytest.mark.parametrize("objective", [MVInfoNCE(), MVDHEL()])
def test_one_view_is_too_few(objective):
    with pytest.raises(InputError, match=r"^views: found shape \(1, 3, 2\), expected 2 views"):
        objective(torch.randn(1, 3, 2))


def test_many_views_do_not_overflow():
    views = torch.randn(9, 4, 3).requires_grad_()
    loss = MVDHEL(temperature=1e-3)(views)
    loss.backward()
    assert math.isfinite(loss.item())
    assert views.grad.isfinite().all()


def test_every_pair_is_the_mean_of_three():
    views, ids = torch.randn(3, 5, 4), torch.tensor([0, 1, 1, 2, 3])
    objective = NTXent(temperature=0.3)
    wanted = sum(objective(views[a], views[b], ids) for a, b in ((0, 1), (0, 2), (1, 2))) / 3
    torch.testing.assert_close(EveryPair(objective)(views, ids), wanted)
    torch.testing.assert_close(EveryPair(objective)(views[:2]), objective(*views[:2]))
