"""The baseline of SupCon: classes by name are numbered, and the classifier is trained."""

import torch

from dipole.data import Labeled
from dipole.encoders import StaticText
from dipole.systems.vision.supcon import HERE, CrossEntropy, Numbered
from dipole.training.batches import class_ids
from dipole.training.build import build_objective, build_parts
from dipole.training.config import make_config

TEXTS, NAMES = ["a b", "b c", "c d", "d a"], ["ship", "bird", "ship", "deer"]


def test_classes_by_name_are_numbered_from_0():
    data = Labeled.from_columns({"input": TEXTS, "label": NAMES})
    config = make_config(data="x", objective=f"{HERE}:CrossEntropy", parts=[f"{HERE}:Numbered"])
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=4)
    (part,) = build_parts(config, encoder, data, build_objective(config))
    assert isinstance(part, Numbered)
    found = part.before({"labels": class_ids(NAMES)})["labels"].tolist()
    assert sorted(set(found)) == [0, 1, 2]
    assert found[0] == found[2]


def test_the_loss_is_cross_entropy_of_every_view():
    objective = CrossEntropy(dim=3)
    views, labels = torch.randn(2, 4, 3), torch.tensor([0, 9, 3, 3])
    logits = [objective.classifier(10 * view) for view in views]
    each = [torch.nn.functional.cross_entropy(one, labels) for one in logits]
    torch.testing.assert_close(objective(views, labels), sum(each) / 2)
