"""The N-pair loss against the equation written out."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from dipole.errors import InputError
from dipole.objectives import InfoNCE, NPair
from support.battery import Battery
from support.spec import Spec


def oracle(anchor, positive, negative=None, ids=None, negative_ids=None, *, l2):
    rows = []
    for i in range(len(anchor)):
        inside = 1.0
        for j in range(len(positive)):
            if j != i and (ids is None or ids[i] != ids[j]):
                inside += math.exp(anchor[i] @ positive[j] - anchor[i] @ positive[i])
        for j, other in enumerate([] if negative is None else negative):
            if ids is not None and negative_ids is not None and ids[i] == negative_ids[j]:
                continue
            inside += math.exp(anchor[i] @ other - anchor[i] @ positive[i])
        lengths = anchor[i] @ anchor[i] + positive[i] @ positive[i]
        rows.append(math.log(inside) + l2 * lengths)
    return rows


class TestNPair(Battery):
    spec = Spec("n-pair", oracle, settings=({"l2": 0.1},))


def test_is_infonce_of_unit_vectors_at_temperature_1():
    anchor, positive = normalize(torch.randn(2, 6, 4, dtype=torch.float64), dim=-1)
    wanted = InfoNCE(temperature=1.0, symmetric=False)(anchor, positive)
    torch.testing.assert_close(NPair(l2=0.0)(anchor, positive), wanted)


def test_a_weight_below_0():
    with pytest.raises(InputError, match="l2: found -1, expected a number of 0 or more"):
        NPair(l2=-1)


def test_easy_pairs_keep_their_small_gradient():
    a = 4 * torch.eye(6).double() + 0.1 * torch.randn(6, 6).double()
    gradients = []
    for leaf in (a.clone().requires_grad_(), a.float().requires_grad_()):
        loss = NPair(l2=0.0)(leaf, leaf.detach())
        gradients.append(torch.autograd.grad(loss, leaf)[0].double())
    assert gradients[0].norm() < 1e-5
    assert (gradients[1] - gradients[0]).norm() < 1e-3 * gradients[0].norm()
