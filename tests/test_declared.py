"""Settings as fields: what is given is checked, what is not is the default, and types see it."""

import copy
import inspect
import pickle
from typing import ClassVar, Literal

import pytest
import torch

from dipole.declared import Count, NotNegative, Positive, Range, Share, checked
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import options


class Example(Objective):
    paper: ClassVar[str] = "none"
    temperature: Temperature = Temperature(0.05)
    learn: bool = False
    margin: NotNegative = 0.0
    share: Share = 0.5
    heads: Count = 2
    mode: Literal["in", "out"] = "in"
    steepness: Positive | None = None

    def make(self):
        self.layer = torch.nn.Linear(2, self.heads)
        if self.learn:
            self.temperature.learn()

    def forward(self, anchor, positive, ids=None):
        return (anchor * positive).sum() / self.temperature()


class More(Example):
    margin: NotNegative = 1.0
    extra: float = 3.0


def test_the_constructor_is_made_of_the_fields():
    assert str(inspect.signature(Example)) == (
        "(temperature=0.05, learn=False, margin=0.0, share=0.5, heads=2, mode='in', "
        "steepness=None, *, reduction='mean', executor=None)"
    )
    assert list(options(More)) == [*list(options(Example))[:-2], "extra", "reduction", "executor"]
    assert (More().margin, More().extra, Example().margin) == (1.0, 3.0, 0.0)
    assert options(More)["margin"] == 1.0


def test_settings_are_where_they_were_given():
    example = Example(0.2, True, mode="out", reduction="sum", heads=3)
    assert example.temperature().item() == pytest.approx(0.2)
    assert (example.mode, example.reduction, example.layer.out_features) == ("out", "sum", 3)
    assert set(example.state_dict()) == {"temperature.log", "layer.weight", "layer.bias"}
    assert Example().temperature() == 0.05
    assert not Example().temperature.state_dict()


def test_two_objects_share_nothing():
    first, second = Example(learn=True), Example(learn=True)
    with torch.no_grad():
        first.temperature.log.add_(1)
    assert second.temperature().item() == pytest.approx(0.05)
    assert Example().temperature() == 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature: found 0, expected a number above 0"),
        ({"margin": -1}, "margin: found -1, expected a number of 0 or more"),
        ({"margin": float("nan")}, "margin: found nan, expected a number of 0 or more"),
        ({"margin": "1"}, "margin: found '1', expected a number of 0 or more"),
        ({"margin": True}, "margin: found True, expected a number of 0 or more"),
        ({"share": 1.5}, "share: found 1.5, expected a number from 0 to 1"),
        ({"heads": 0}, "heads: found 0, expected a whole number of 1 or more"),
        ({"heads": 1.5}, "heads: found 1.5, expected a whole number of 1 or more"),
        ({"learn": 1}, "learn: found 1, expected True or False"),
        ({"mode": "up"}, "mode: found 'up', expected 'in' or 'out'"),
        ({"steepness": 0.0}, "steepness: found 0.0, expected a number above 0"),
        ({"reduction": "x"}, "reduction: found 'x', expected 'mean', 'sum' or 'none'"),
    ],
)
def test_what_cannot_be_is_one_line(settings, message):
    with pytest.raises(InputError) as raised:
        Example(**settings)
    assert str(raised.value) == message


class Learnt(Objective):
    bias: float | torch.nn.Parameter = -10.0

    def make(self):
        self.bias = torch.nn.Parameter(torch.tensor(self.bias))

    def forward(self, anchor):
        return anchor.sum() + self.bias


def test_a_setting_may_become_a_parameter():
    learnt = Learnt(2.0)
    assert learnt.bias is learnt.get_parameter("bias")
    assert learnt(torch.ones(3, 1)).item() == 5.0
    assert (options(Learnt)["bias"], Learnt().bias.item()) == (-10.0, -10.0)
    with pytest.raises(InputError, match="bias: found '1', expected a number"):
        Learnt("1")


def test_what_is_unknown_is_a_type_error_as_of_any_function():
    with pytest.raises(TypeError, match="temprature"):
        Example(temprature=1)


def test_inputs_are_checked_by_the_call():
    with pytest.raises(InputError, match=r"positive: found shape \(2, 2\), expected \(n, d\) with"):
        Example()(torch.ones(3, 2), torch.ones(2, 2))
    with pytest.raises(InputError, match="anchor: found 1 values that are nan or inf"):
        Example()(torch.tensor([[1.0, float("inf")]]), positive=torch.ones(1, 2))


def test_an_init_of_its_own_is_left_alone():
    class Own(Objective):
        def __init__(self, width, **common):
            super().__init__(**common)
            self.width = width

        def forward(self, anchor):
            return anchor.sum()

    own = Own(3, reduction="sum")
    assert (own.width, own.reduction) == (3, "sum")
    assert own(torch.tensor([float("inf")])) == float("inf")  # it checks its inputs itself


def test_copies_are_whole():
    example = Example(0.3, learn=True)
    twin = copy.deepcopy(example)
    assert twin.settings().keys() == example.settings().keys()
    assert twin.temperature().item() == pytest.approx(0.3)
    other = pickle.loads(pickle.dumps(example))
    assert other.temperature().item() == pytest.approx(0.3)


def test_ranges_say_what_they_hold():
    assert str(Range(0, 1)) == "a number from 0 to 1"
    assert str(Range(0, 1, above=True)) == "a number above 0, at most 1"
    assert 1 in Range(0, 1)
    assert 0 not in Range(0, 1, above=True)
    assert checked("x", int | None, None) is None
