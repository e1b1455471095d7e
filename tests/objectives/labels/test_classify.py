"""The classifier as a loop; what is said of labels and sizes that are not the classifier's."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import Classify
from support.battery import Battery
from support.spec import Spec, lse

DIM, CLASSES = 4, 10


def oracle(views, labels, *, dim, classes, seed):
    linear = Classify(dim, classes, seed).double().linear
    w, b = (x.detach().numpy() for x in linear.parameters())
    rows = []
    for view in views:
        for z, y in zip(view, labels, strict=True):
            logits = [float(w[c] @ z + b[c]) for c in range(classes)]
            rows.append(lse(logits) - logits[y])
    return rows


class AtDim(Spec):
    """A batch of the dimension that the classifier takes."""

    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)


def few(sizes, generator):
    return {"labels": torch.randint(0, CLASSES, (sizes.n,), generator=generator)}


class TestClassify(Battery):
    spec = AtDim(
        "classify", oracle, settings=({"dim": DIM, "classes": CLASSES},), draw=few, rotation=False
    )


def test_sizes_and_labels_are_checked():
    objective = Classify(dim=3, classes=2)
    with pytest.raises(InputError, match=r"views: found shape \(1, 2, 4\), expected \(v, n, 3\)"):
        objective(torch.zeros(1, 2, 4), torch.tensor([0, 1]))
    with pytest.raises(InputError, match=r"labels: found 0 to 7, expected 0 to 1 \(--part classes"):
        objective(torch.zeros(1, 2, 3), torch.tensor([0, 7]))


def test_scores_are_the_classes_logits():
    objective = Classify(dim=3, classes=2)
    z = torch.randn(4, 3)
    torch.testing.assert_close(objective.scores(z), objective.linear(z))
