import json

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError
from dipole.systems.catalogue import write_result


def systems(*arguments):
    return CliRunner().invoke(app, ["systems", *map(str, arguments)], catch_exceptions=False)


def test_the_table(tmp_path):
    output = systems("--pages", tmp_path).output
    assert "simcse" in output
    assert "objective dcl" in output
    assert " built" in output.splitlines()[-1]


def test_json_has_every_system_and_its_state(tmp_path):
    write_result(tmp_path, "dcl", {"verdict": "undecided"})
    found = json.loads(systems("--json", "--pages", tmp_path).stdout)
    assert len(found) == 260
    assert set(found[0]) == {"id", "group", "state", "title", "paper", "parts", "page"}
    assert {s["id"]: s["state"] for s in found}["dcl"] == "undecided"


def test_a_part_of_it(tmp_path):
    found = json.loads(systems("--json", "--group", "vision", "--state", "built").stdout)
    assert {s["group"] for s in found} == {"vision"}
    assert {s["state"] for s in found} == {"built"}
    with pytest.raises(InputError, match="--group visions: expected domains"):
        systems("--group", "visions")
    with pytest.raises(InputError, match="--state done: expected built"):
        systems("--state", "done")


def test_the_page(tmp_path):
    systems("--out", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text().startswith("# Systems")
    with pytest.raises(InputError, match="no folder"):
        systems("--out", tmp_path / "no" / "README.md")


def test_a_folder_of_pages_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"--pages .*none: no such folder"):
        systems("--pages", tmp_path / "none")
