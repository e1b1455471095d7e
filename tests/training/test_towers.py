"""The objective gets what it names, and nothing else."""

import pytest
import torch
from torch import nn

from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.objectives.contract.registry import build_objective
from dipole.training.towers import Towers, masks_copies, pick


class Mine(nn.Module):
    """Anyone's loss: not an Objective."""

    def forward(self, anchor, scores):
        return (anchor.sum(1) * scores).mean()


def test_anyones_module_gets_what_its_forward_names():
    batch = {name: torch.ones(2, 3) for name in ("anchor", "positive", "scores", "ids")}
    assert set(pick(Mine(), batch)) == {"anchor", "scores"}


def test_what_anyones_module_lacks_or_gives_is_said(tiny_encoder):
    with pytest.raises(InputError, match="Mine takes 'scores', which this training does not give"):
        pick(Mine(), {"anchor": torch.ones(2, 3)})

    class Gives(nn.Module):
        def __init__(self, loss):
            super().__init__()
            self.loss = loss

        def forward(self, anchor):
            return self.loss(anchor)

    columns = {"anchor": [tiny_encoder.prepare(["a", "b"])]}
    for loss, found in (
        (lambda x: x.sum(1), r"a tensor of shape \(2,\)"),
        (lambda x: torch.ones(()), "a constant"),
        (lambda x: 3.0, "a float"),
    ):
        with pytest.raises(InputError, match=f"Gives gave {found}; expected a loss"):
            Towers(tiny_encoder, Gives(loss))(columns, {})
    assert Towers(tiny_encoder, Gives(torch.sum))(columns, {}).requires_grad


def test_matrices_decay_vectors_and_the_objective_do_not(tiny_encoder):
    towers = Towers(tiny_encoder, nn.Bilinear(2, 2, 1))
    groups = towers.parameter_groups(0.1)
    decay = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert decay[id(tiny_encoder.linear.weight)] == 0.1
    assert decay[id(tiny_encoder.linear.bias)] == 0.0
    assert decay[id(towers.objective.weight)] == 0.0
    assert len(decay) == len(list(towers.parameters()))


def test_frozen_parameters_are_left_out(tiny_encoder):
    tiny_encoder.letters.weight.requires_grad_(False)
    groups = Towers(tiny_encoder, InfoNCE()).parameter_groups(0.1)
    assert all(p is not tiny_encoder.letters.weight for g in groups for p in g["params"])


def test_a_tower_may_speed_up_a_parameter(tiny_encoder):
    tiny_encoder.rate_factors = {"linear.bias": 10.0}
    groups = Towers(tiny_encoder, InfoNCE()).parameter_groups(0.1)
    factor = {id(p): g["factor"] for g in groups for p in g["params"]}
    assert factor[id(tiny_encoder.linear.bias)] == 10.0
    assert factor[id(tiny_encoder.linear.weight)] == 1.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("infonce", True), ("gte", False), ("late-interaction", False), ("barlow-twins", True)],
)
def test_who_masks_copies_of_a_positive(name, expected):

    objective = build_objective(name)
    assert masks_copies(objective) is expected
    assert masks_copies(objective + build_objective("infonce")) is expected
