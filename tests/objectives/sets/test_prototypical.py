"""Prototypical and proto-triplet losses against the equations written out."""

import torch

from dipole.objectives import Prototypical
from support.battery import Battery
from support.spec import Spec, lse


def distances(x, support, support_labels):
    """Class -> squared distance to the mean of its support."""
    found = {}
    for c in sorted(set(support_labels.tolist())):
        mine = [s for s, label in zip(support, support_labels, strict=True) if label == c]
        gap = x - sum(mine) / len(mine)
        found[c] = float(gap @ gap)
    return found


def prototypical_oracle(anchor, labels, support, support_labels):
    rows = []
    for x, y in zip(anchor, labels, strict=True):
        d = distances(x, support, support_labels)
        rows.append(d[y] + lse([-v for v in d.values()]) if y in d else None)
    return rows


def triplet_oracle(anchor, labels, support, support_labels, *, margin):
    rows = []
    for x, y in zip(anchor, labels, strict=True):
        d = {c: v**0.5 for c, v in distances(x, support, support_labels).items()}
        wrong = [d[c] for c in d if c != y]
        rows.append(max(0, d[y] - min(wrong) + margin) if y in d and wrong else None)
    return rows


class TestPrototypical(Battery):
    spec = Spec("prototypical", prototypical_oracle)


class TestProtoTriplet(Battery):
    spec = Spec(
        "proto-triplet",
        triplet_oracle,
        settings=({}, {"margin": 2.0}),
        smooth=False,
    )


def test_one_shot_of_each_class_are_distances_to_the_support_itself():
    query, support = torch.randn(2, 5, 3, dtype=torch.float64)
    wanted = torch.nn.functional.cross_entropy(
        -torch.cdist(query, support).square(), torch.arange(5)
    )
    found = Prototypical()(query, torch.arange(5), support, torch.arange(5))
    torch.testing.assert_close(found, wanted)


def test_easy_queries_keep_their_small_gradient():
    queries = 3 * torch.eye(6).double() + 0.1 * torch.randn(6, 6).double()
    labels, gradients = torch.arange(6), []
    for leaf in (queries.clone().requires_grad_(), queries.float().requires_grad_()):
        loss = Prototypical()(leaf, labels, 3 * torch.eye(6, dtype=leaf.dtype), labels)
        gradients.append(torch.autograd.grad(loss, leaf)[0].double())
    assert gradients[0].norm() < 1e-5
    assert (gradients[1] - gradients[0]).norm() < 1e-3 * gradients[0].norm()
