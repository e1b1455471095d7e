import json

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError
from dipole.systems import code_of_system, files, recipes
from dipole.systems.catalogue import entries
from dipole.systems.results import Result, write_result
from dipole.training.recipe import read_recipe
from support import kinds


def systems(*arguments):
    return CliRunner().invoke(app, ["systems", *map(str, arguments)], catch_exceptions=False)


def test_the_table(tmp_path):
    output = systems("--pages", tmp_path).output
    assert "simcse" in output
    assert "objective dcl" in output
    assert " built" in output.splitlines()[-1]
    assert "here" not in output.splitlines()[0]


@pytest.fixture
def mine(tmp_path):
    """A folder with a verdict of the user's own, of the code as it is, and an old one."""
    path = tmp_path / "results.json"
    write_result(path, "dcl", Result("holds", "2026-11-28", "0.1.0", code_of_system("dcl")))
    write_result(path, "siglip", Result("holds", "2025-11-28", "0.0.1", "0123456789abcdef"))
    return tmp_path


def test_json_has_every_system_and_its_state(mine):
    found = json.loads(systems("--json", "--pages", mine).stdout)
    assert [s["id"] for s in found] == list(entries())
    assert set(found[0]) == {
        "id", "group", "state", "title", "paper", "parts", "page", "lesson", "result", "here",
    }  # fmt: skip
    here = {s["id"]: s["here"] for s in found}
    assert here["dcl"] == {
        "verdict": "holds", "stale": False, "date": "2026-11-28", "version": "0.1.0",
        "found": "", "why": "",
    }  # fmt: skip
    assert here["siglip"]["stale"]
    assert here["simcse"] is None


def test_own_verdicts_stand_beside_those_that_come_with_dipole(mine):
    header, *lines = systems("--pages", mine).output.splitlines()
    assert "here" in header
    (siglip,) = (line for line in lines if line.startswith("siglip "))
    assert siglip.index("undecided") < siglip.index("holds, stale")
    stale = json.loads(systems("--json", "--state", "stale", "--pages", mine).stdout)
    assert "siglip" in {s["id"] for s in stale}


def test_a_part_of_it(tmp_path):
    found = json.loads(systems("--json", "--group", "vision", "--state", "missing").stdout)
    assert {s["group"] for s in found} == {"vision"}
    assert {s["state"] for s in found} == {"missing"}
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


def show(*arguments):
    return systems("show", *arguments)


def test_what_is_shown_of_a_system(mine, monkeypatch):
    monkeypatch.chdir(mine)
    mine.joinpath("systems").mkdir()
    mine.joinpath("results.json").rename(mine / "systems" / "results.json")
    output = show("siglip").output
    for said in (
        "siglip: Sigmoid Loss for Language Image Pre-Training",
        "https://arxiv.org/abs/2303.15343",
        "dipole train --recipe siglip --data FILE --anchor COLUMN --positive COLUMN --out RUN",
        "objective: siglip",
        "google-research/big_vision@0127fb6: 1 of 1 agree (siglip-big-vision)",
        "here      holds, stale (2025-11-28, dipole 0.0.1); its code has changed since",
    ):
        assert said in output
    assert json.loads(show("siglip", "--json").stdout)["wants"][0]["kind"] == "image-text"


def test_the_command_that_is_shown_runs(tmp_path):
    """With a file of the data it wants, and the columns' names."""
    found = json.loads(show("esimcse", "--json").stdout)
    path = kinds.write("texts", tmp_path)
    assert found["wants"][0]["columns"] == ["anchor"]
    (command,) = found["run"]
    words = command.replace("COLUMN", "text").replace("FILE", str(path)).split()[1:]
    words[words.index("RUN")] = str(tmp_path / "run")
    small = ["--max-steps", "2", "--batch-size", "8", "--encoder-option", "dim=8"]
    assert CliRunner().invoke(app, [*words, *small]).exit_code == 0


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_that_is_printed_is_the_recipe(name, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(show(name, "--yaml").stdout)
    assert read_recipe(path) == read_recipe(name)


def test_a_system_that_is_an_objective_and_no_file(monkeypatch):
    monkeypatch.delitem(files(), "dcl")
    output = show("dcl").output
    assert "dipole train --objective dcl --data FILE --out RUN" in output
    with pytest.raises(InputError, match="yaml: dcl has no recipe; to run it: dipole train"):
        show("dcl", "--yaml")


def test_what_is_not_there():
    with pytest.raises(InputError, match="'vega-v1', which is planned and not built yet"):
        show("vega-v1")
    with pytest.raises(InputError, match="system: found no 'dlc'; did you mean 'dcl'"):
        show("dlc")
    with pytest.raises(InputError, match="systems: found 'dcl'; expected dipole systems show dcl"):
        systems("dcl")
    with pytest.raises(InputError, match="--json: found before show; expected behind it"):
        systems("--json", "show", "dcl")
    with pytest.raises(InputError, match="--yaml: found --json too"):
        show("dcl", "--json", "--yaml")
