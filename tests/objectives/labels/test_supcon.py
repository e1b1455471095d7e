"""SupCon, both forms, against the equations written out, and beside NT-Xent."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import NTXent, SupCon
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(views, labels=None, ids=None, *, temperature, variant):
    index = [(v, i) for v in range(len(views)) for i in range(len(views[0]))]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for v, i in index:
        candidates, positives = [], []
        for w, j in index:
            if (w, j) == (v, i):
                continue
            score = cosine(views[v][i], views[w][j]) / temperature
            if labels[j] == labels[i]:
                positives.append(score)
            elif ids is not None and ids[j] == ids[i]:
                continue
            candidates.append(score)
        if not positives:
            rows.append(None)
        elif variant == "out":
            rows.append(lse(candidates) - sum(positives) / len(positives))
        else:
            rows.append(lse(candidates) - lse(positives) + math.log(len(positives)))
    return rows


class TestSupCon(Battery):
    spec = Spec(
        "supcon",
        oracle,
        settings=({"temperature": 0.3}, {"temperature": 0.3, "variant": "in"}),
    )


def test_single_views_without_a_mate_are_not_counted():
    z = torch.randn(1, 4, 3, requires_grad=True)
    loss = SupCon()(z, labels=torch.tensor([0, 0, 1, 2]))
    (gradient,) = torch.autograd.grad(loss, z)
    assert loss.item() > 0
    rows = SupCon(reduction="none")(z, labels=torch.tensor([0, 0, 1, 2]))
    assert rows[0, 2:].tolist() == [0, 0]
    torch.testing.assert_close(loss, rows[0, :2].mean())
    assert gradient.isfinite().all()
    assert SupCon()(z, labels=torch.arange(4)).item() == 0


def test_unique_labels_and_two_views_are_ntxent():
    views = torch.randn(2, 5, 3, dtype=torch.float64)
    for variant in ("out", "in"):
        found = SupCon(temperature=0.5, variant=variant)(views, labels=torch.arange(5))
        torch.testing.assert_close(found, NTXent(temperature=0.5)(*views))
    torch.testing.assert_close(SupCon(temperature=0.5)(views), found)


def test_four_vectors_by_hand():
    """Two classes on two axes at temperature 1: log(e^1 + 2 e^0) - 1 for each."""
    z = torch.eye(2, dtype=torch.float64).repeat_interleave(2, 0)[None]
    loss = SupCon(temperature=1.0)(z, labels=torch.tensor([0, 0, 1, 1]))
    assert loss.item() == pytest.approx(math.log(math.e + 2) - 1, abs=1e-12)


def test_a_form_that_does_not_exist():
    with pytest.raises(InputError, match="variant: found 'both', expected 'out' or 'in'"):
        SupCon(variant="both")


@pytest.mark.parametrize("variant", ["out", "in"])
@pytest.mark.parametrize("executor", ["dense", "tiled"])
def test_one_easy_positive_keeps_its_small_gradient(variant, executor):
    views = torch.eye(8).double() + 0.03 * torch.randn(2, 8, 8).double()
    gradients = []
    for leaf in (views.clone().requires_grad_(), views.float().requires_grad_()):
        loss = SupCon(0.05, variant=variant, executor=executor)(leaf)
        gradients.append(torch.autograd.grad(loss, leaf)[0].double())
    wanted, found = gradients
    assert wanted.norm() < 1e-5
    assert (found - wanted).norm() < 1e-3 * wanted.norm()
