"""`dipole objectives` and `dipole data` list, search and show."""

import json

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.data import data_sets
from dipole.errors import InputError
from dipole.objectives.contract.registry import OBJECTIVES


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, f"{done.output} {done.exception!r}"
    return done.output


def test_objectives_are_listed_and_found():
    lines = printed("objectives").splitlines()
    assert {line.split()[0] for line in lines if line.strip()} >= {*OBJECTIVES}
    found = json.loads(printed("objectives", "--takes", "labels", "--json"))
    assert "supcon" in (names := [one["name"] for one in found])
    assert "infonce" not in names
    assert all("labels" in (*one["needs"], *one["may_take"]) for one in found)
    found = json.loads(printed("objectives", "--search", "Decoupled Contrastive", "--json"))
    assert "dcl" in [one["name"] for one in found]


def test_an_objective_is_shown_with_its_equation_and_settings():
    shown = printed("objectives", "show", "infonce")
    assert "temperature=" in shown
    assert "dipole train --data FILE --objective infonce" in shown
    assert json.loads(printed("objectives", "show", "supcon", "--json"))["needs"]


def test_data_sets_are_listed_and_found():
    lines = printed("data").splitlines()
    assert {line.split()[0] for line in lines[1:] if line[:1].strip()} >= {*data_sets()}
    assert [one["name"] for one in json.loads(printed("data", "--kind", "pairs", "--json"))] == [
        "stdlib-code"
    ]
    assert "fiqa" in printed("data", "--search", "MONEY")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["objectives", "--takes", "nothing"], "--takes nothing: expected"),
        (["objectives", "infonce"], "expected dipole objectives show infonce"),
        (["objectives", "show", "infonse"], "infonce"),
        (["objectives", "--json", "show", "infonce"], "--json: found before show"),
        (["data", "--kind", "texts"], "--kind texts: expected"),
    ],
)
def test_wrong_input_is_one_line(arguments, message):
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, InputError)
    assert message in str(error)
    assert "\n" not in str(error)
