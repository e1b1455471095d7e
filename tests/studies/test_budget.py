import pytest

from dipole.errors import InputError
from dipole.studies.budget import Budget, parse_budget


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("60s", "seconds", 60),
        ("0.5min", "seconds", 30),
        ("2000steps", "steps", 2000),
        ("1 step", "steps", 1),
        ("10epochs", "epochs", 10),
        ("2.5epochs", "epochs", 2.5),
    ],
)
def test_says(text, unit, amount):
    assert parse_budget(text) == Budget(unit, amount)


@pytest.mark.parametrize("text", ["", "60", "s", "-3s", "0steps", "1.5steps", "10epochsx", "1h"])
def test_refuses(text):
    with pytest.raises(InputError, match="expected such as 60s, 2000steps or 10epochs"):
        parse_budget(text)


def test_as_settings():
    assert parse_budget("3epochs").settings() == {"epochs": 3}
    assert parse_budget("20steps").settings() == {"max_steps": 20}
    assert parse_budget("10s").settings(2.26) == {"max_steps": 23}
    assert parse_budget("1s").settings(0.01) == {"max_steps": 1}
    assert str(parse_budget("1min")) == "60 s of training"
