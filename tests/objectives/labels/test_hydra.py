"""Hydra as loops over gated vectors."""

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import Hydra
from support.battery import Battery
from support.spec import Spec, cosine, lse

DIM = 3


def oracle(
    anchor, positive, labels, positive_labels, *, classes, dim, temperature, label_dim, gated, seed
):
    gate = Hydra(classes, dim, label_dim=label_dim, seed=seed).double().gate
    e = gate.embedding.weight.detach().numpy()
    w1, b1, w2, b2 = (x.detach().numpy() for x in gate.mlp.parameters())
    rows, sizes = [], []
    for i in range(len(anchor)):
        mine = {labels[i], positive_labels[i]}
        hidden = np.maximum(0, w1 @ (e[labels[i]] + e[positive_labels[i]]) / 2 + b1)
        g = 1 / (1 + np.exp(-(w2 @ hidden + b2))) if gated else np.ones(dim)

        def score(z, i=i, g=g):
            return cosine(g * anchor[i], g * z) / temperature

        scores = [score(z) for z in positive]
        far = [s for s, y in zip(scores, positive_labels, strict=True) if y not in mine]
        near = [s for s, y in zip(scores, positive_labels, strict=True) if y == positive_labels[i]]
        rows.append(sum(lse([s, *far]) - s for s in near))
        sizes.append(len(near))
    return [row / np.mean(sizes) for row in rows]


class AtDim(Spec):
    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)


# As many classes as a batch of the battery may have; those of its memory test are 1500 rows'.
SMALL = {"classes": 800, "dim": DIM, "temperature": 0.3, "label_dim": 4}


class TestHydra(Battery):
    spec = AtDim("hydra", oracle, settings=(SMALL, SMALL | {"gated": False}), rotation=False)


def test_everything_learns_and_a_gate_shut_everywhere_is_harmless():
    objective = Hydra(classes=4, dim=6, label_dim=5)
    y, other = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 1, 3, 0])
    a, p = torch.randn(2, 4, 6, requires_grad=True)
    objective(a, p, y, other).backward()
    assert all(weight.grad.any() for weight in objective.parameters())
    # Only the ratio of a gate's dimensions counts, at every size that a sigmoid can have.
    before = objective(a, p, y, other)
    weight = objective.gate.mlp[2]
    weight.weight.data.zero_()
    weight.bias.data.fill_(-80.0)
    flat = Hydra(classes=4, dim=6, gated=False)(a, p, y, other)
    torch.testing.assert_close(objective(a, p, y, other), flat)
    assert not torch.allclose(before, flat)


def test_the_order_of_the_two_classes_means_nothing():
    objective = Hydra(classes=5, dim=3)
    y, other = torch.tensor([0, 1, 4]), torch.tensor([3, 1, 2])
    torch.testing.assert_close(objective.gate(y, other), objective.gate(other, y))


def test_what_a_gate_hides_does_not_count():
    """Vectors that agree where the gate is open are the same vector."""
    objective = Hydra(classes=2, dim=2, temperature=0.1)
    last = objective.gate.mlp[2]
    last.weight.data.zero_()
    last.bias.data = torch.tensor([0.0, -60.0])
    a, p = torch.tensor([[1.0, 5.0]]), torch.tensor([[2.0, -9.0]])
    y = torch.tensor([0])
    assert objective(a, p, y, y).item() == 0  # no negatives either
    z, labels = torch.cat([a, torch.tensor([[1.0, 0.0]])]), torch.tensor([0, 1])
    # The other class points the same way through this gate.
    rows = Hydra(classes=2, dim=2, reduction="none")
    rows.load_state_dict(objective.state_dict())
    found = rows(z, torch.cat([p, torch.tensor([[3.0, 1.0]])]), labels, labels)
    assert found[0].item() == pytest.approx(np.log(2), abs=1e-5)


def test_bad_input():
    z, y = torch.randn(3, 4), torch.tensor([0, 1, 7])
    with pytest.raises(InputError, match=r"^labels: found 0 to 7, expected 0 to 4"):
        Hydra(classes=5, dim=4)(z, z, y, torch.tensor([0, 0, 0]))
    with pytest.raises(InputError, match=r"^positive_labels: found 0 to 7, expected 0 to 4"):
        Hydra(classes=5, dim=4)(z, z, torch.tensor([0, 0, 0]), y)
    with pytest.raises(InputError, match=r"^anchor: found shape \(3, 4\), expected \(n, 6\)"):
        Hydra(classes=5, dim=6)(z, z, y, y)
