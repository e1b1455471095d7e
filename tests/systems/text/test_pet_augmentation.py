"""The recipe's loss of a text and its copy as loops, and how far apart classes are."""

import math

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.systems.text.pet_augmentation import separation
from dipole.training.build import build_objective
from dipole.training.config import make_config
from dipole.training.recipe import read_recipe


def test_the_loss_is_of_both_copies_and_of_their_classes():
    torch.manual_seed(0)
    config = make_config(data="", **read_recipe("pet-augmentation"))
    objective = build_objective(config, {"dim": 3, "classes": 2}).double()
    z = torch.nn.functional.normalize(torch.randn(2, 4, 3).double(), dim=2)
    labels = torch.tensor([0, 1, 1, 0])
    classify = next(one for one in objective.inner() if hasattr(one, "linear"))
    rows, classes, lost = z.reshape(8, 3), labels.repeat(2).tolist(), []
    logits = (rows @ classify.linear.weight.T + classify.linear.bias).tolist()
    for i, (row, y) in enumerate(zip(logits, classes, strict=True)):
        lost.append(math.log(sum(map(math.exp, row))) - row[y])
        scores = {j: float(rows[i] @ rows[j]) / 0.1 for j in range(8) if j != i}
        far = math.log(sum(map(math.exp, scores.values())))
        friends = [j for j in scores if classes[j] == y]
        lost[-1] += 0.1 * sum(far - scores[j] for j in friends) / len(friends)
    torch.testing.assert_close(objective(views=z, labels=labels).item(), float(np.mean(lost)))


def test_separation_by_hand():
    """Class means at 0, 3 and 4i: distances 3, 4, 5; every point 1 from its mean."""
    means = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0]])
    points = np.concatenate([np.add(means, (0, 0, 1)), np.subtract(means, (0, 0, 1))])
    assert separation(points, np.array([*"abcabc"])) == pytest.approx(4)
    assert separation(means, np.array([*"abc"])) == np.inf
    with pytest.raises(InputError, match="found 1 class; expected at least 2"):
        separation(points, np.zeros(6))
