"""SupCL-Seq's loss against loops over its equation, its baseline and its rows."""

import math

import numpy as np
import torch

from dipole.data import Labeled
from dipole.systems.text import supcl_seq
from dipole.systems.text.supcl_seq import CrossEntropy
from dipole.training.build import build_objective
from dipole.training.config import make_config
from dipole.training.recipe import read_recipe


def test_the_loss_is_that_of_the_paper():
    """All V N vectors are anchors; positives are those of the class, own other views among them."""
    torch.manual_seed(0)
    views, labels = torch.randn(4, 5, 6).double(), torch.tensor([0, 1, 0, 2, 1])
    z = torch.nn.functional.normalize(views.reshape(20, 6), dim=1).numpy()
    classes, lost = labels.repeat(4).tolist(), []
    for a in range(20):
        friends = [b for b in range(20) if b != a and classes[b] == classes[a]]
        far = math.log(sum(math.exp(z[a] @ z[c] / 0.05) for c in range(20) if c != a))
        lost.append(-sum(z[a] @ z[b] / 0.05 - far for b in friends) / len(friends))
    objective = build_objective(make_config(data="", **read_recipe("supcl-seq")))
    found = objective(views=views, labels=labels)
    np.testing.assert_allclose(found, 0.05 / 0.07 * np.mean(lost), rtol=1e-9)


def test_cross_entropy_is_of_vectors_as_long_as_behind_a_normalisation():
    torch.manual_seed(0)
    objective = CrossEntropy(dim=9, classes=3)
    views = torch.nn.functional.normalize(torch.randn(2, 4, 9), dim=2)
    labels = torch.tensor([0, 2, 1, 1])
    weight, bias = objective.classifier.weight.detach(), objective.classifier.bias.detach()
    lost = []
    for view in views:
        for z, label in zip(view, labels.tolist(), strict=True):
            logits = [float(w @ z * 3 + b) for w, b in zip(weight, bias, strict=True)]
            lost.append(math.log(sum(map(math.exp, logits))) - logits[label])
    np.testing.assert_allclose(objective(views, labels).item(), np.mean(lost), rtol=1e-5)


def test_few_of_a_class_to_train_on_and_others_to_test(monkeypatch):
    labels = [f"class {i % 3}" for i in range(180)]
    found = Labeled.from_columns({"input": [f"text {i}" for i in range(180)], "label": labels})
    monkeypatch.setattr(supcl_seq, "seen_rows", lambda split: found)
    parts = [supcl_seq.few("train"), supcl_seq.few("test"), supcl_seq.others("test")]
    assert [len(part) for part in parts] == [30, 90, 60]
    assert all(list(part.column("label")).count("class 1") == len(part) // 3 for part in parts)
    assert len({text for part in parts for text in part.column("input")}) == 180
