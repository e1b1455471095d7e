"""The contract: inputs by name, sums, executors, temperatures."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.kernels import settings
from dipole.objectives import DCL, InfoNCE, SupCon
from dipole.objectives.contract.base import Objective, Temperature


@pytest.fixture
def batch():
    anchor, positive, negative = torch.randn(3, 5, 3)
    return {"anchor": anchor, "positive": positive, "negative": negative, "ids": torch.arange(5)}


def test_inputs_come_from_forward():
    assert DCL().inputs() == {"anchor": True, "positive": True, "ids": False}
    assert (DCL() + SupCon()).inputs() == {
        "anchor": True,
        "positive": True,
        "ids": False,
        "views": True,
        "labels": False,
    }


def test_pick_takes_what_is_named(batch):
    assert set(DCL().pick(batch)) == {"anchor", "positive", "ids"}
    assert set(DCL().pick(batch | {"ids": None})) == {"anchor", "positive"}


def test_pick_says_what_is_missing(batch):
    del batch["positive"]
    message = "DCL needs 'positive', found anchor, negative, ids; expected anchor, positive"
    with pytest.raises(InputError, match=message):
        DCL().pick(batch)


def test_views_are_anchor_and_positive(batch):
    views = SupCon().pick(batch)["views"]
    torch.testing.assert_close(views, torch.stack([batch["anchor"], batch["positive"]]))
    del batch["positive"]
    assert SupCon().pick(batch)["views"].shape == (1, 5, 3)


def test_objectives_add_up(batch):
    first, second = InfoNCE(), DCL()
    both = first + 0.1 * second
    values = [part(**part.pick(batch)) for part in (first, second)]
    torch.testing.assert_close(both(**batch), values[0] + 0.1 * values[1])
    assert list(both.parts) == ["infonce", "dcl"]
    torch.testing.assert_close(torch.stack(list(both.parts.values())), torch.stack(values))
    torch.testing.assert_close(
        both(batch["anchor"], batch["positive"]),
        both(**both.pick({k: batch[k] for k in ("anchor", "positive")})),
    )


def test_sums_nest_and_name_their_parts(batch):
    nested = 2 * (InfoNCE() + 3 * InfoNCE(temperature=1.0)) + sum([DCL(), InfoNCE()])
    assert nested.weights == (2, 6, 1, 1)
    assert nested.names() == ["infonce", "infonce_2", "dcl", "infonce_3"]
    assert len(list(nested.children())) == 1
    nested(**batch)
    assert not any(value.requires_grad for value in nested.parts.values())


def test_sums_say_what_they_cannot_add():
    with pytest.raises(TypeError, match="expected an objective, found int"):
        InfoNCE() + 3


def test_the_executor_is_in_force_during_forward_only():
    class Probe(Objective):
        def forward(self, anchor):
            return settings().executor

    assert Probe(executor="tiled")(torch.ones(1, 1)) == "tiled"
    assert Probe()(torch.ones(1, 1)) is None
    assert settings().executor is None


def test_temperature_is_learnt_as_its_logarithm():
    fixed, learnt = Temperature(0.05), Temperature(0.05, learn=True)
    assert fixed() == 0.05
    assert not list(fixed.parameters())
    assert learnt.log.item() == pytest.approx(math.log(0.05))
    assert learnt().item() == pytest.approx(0.05)
    assert repr(learnt) == "Temperature(0.05, learnt)"
    objective = InfoNCE(0.05, learn_temperature=True)
    objective(torch.randn(4, 3), torch.randn(4, 3)).backward()
    assert objective.temperature.log.grad.abs() > 0
