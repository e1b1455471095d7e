import json

import pytest
from typer.testing import CliRunner

import dipole.systems
from dipole.cli import app
from dipole.errors import InputError, RunError
from dipole.proof import needs as needs_module
from dipole.studies.claim import AtLeast, Claim
from dipole.systems import claimed
from dipole.systems.base import System


def experiment(seed, quick):
    return {"gap": 1.0 + 0.1 * seed}


def broken(seed, quick):
    raise RunError("it broke")


def prove(*arguments):
    return CliRunner().invoke(app, ["prove", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def claims(monkeypatch, tmp_path):
    """Three claims: one that holds, one whose experiment breaks, one whose data are not here."""
    made = {
        name: System(
            name,
            "someone",
            claim=Claim("It holds.", AtLeast("gap", 0.5), experiment=function, needs=needs),
        )
        for name, function, needs in (
            ("dcl", experiment, ()), ("siglip", broken, ()), ("lit", experiment, ("stsb",)),
        )
    }  # fmt: skip
    monkeypatch.delenv("DIPOLE_DATA", raising=False)
    monkeypatch.setattr(needs_module, "_on_hub", lambda name: False)
    monkeypatch.setattr(dipole.systems, "claimed", lambda: sorted(made))
    monkeypatch.setattr(dipole.systems, "system", made.__getitem__)
    return ["--cache", tmp_path / "cache", "--out", tmp_path / "pages"]


def test_a_claim_is_judged_and_has_a_page(claims, tmp_path):
    result = prove("dcl", *claims)
    assert result.exit_code == 0
    assert "gap >= 0.5" in result.output
    assert "holds" in result.output
    page = (tmp_path / "pages" / "dcl.md").read_text()
    assert "`dipole prove dcl`" in page
    assert (
        json.loads((tmp_path / "pages" / "results.json").read_text())["dcl"]["verdict"] == "holds"
    )


def test_a_quick_run_says_that_it_runs_and_writes_nothing(claims, tmp_path):
    result = prove("dcl", "--quick", *claims)
    assert "decides nothing" in result.output
    assert "holds" not in result.output
    assert not (tmp_path / "pages").exists()
    found = json.loads(prove("dcl", "--quick", "--json", *claims).stdout)
    assert found["verdict"] is None


def test_json(claims):
    found = json.loads(prove("dcl", "--json", *claims).stdout)
    assert found["verdict"] == "holds"
    assert found["inequalities"][0]["says"] == "gap >= 0.5"


def test_of_all_those_that_break_are_said_and_the_others_finish(claims, tmp_path):
    with pytest.raises(RunError, match="1 of 3 claims failed: siglip"):
        prove("--all", *claims)
    assert (tmp_path / "pages" / "dcl.md").exists()
    assert not (tmp_path / "pages" / "siglip.md").exists()


def test_a_claim_whose_data_are_not_here_is_skipped_by_all(claims, tmp_path, monkeypatch):
    monkeypatch.setattr(dipole.systems, "claimed", lambda: ["dcl", "lit"])
    result = prove("--all", *claims)
    assert result.exit_code == 0
    assert "skipped lit: stsb: not found on this machine" in result.output
    assert "1 of 2 skipped: their verdicts stay" in result.output
    assert not (tmp_path / "pages" / "lit.md").exists()
    with pytest.raises(InputError, match=r"stsb: not found on this machine.*to get it"):
        prove("lit", *claims)
    assert "decides nothing" in prove("lit", "--quick", *claims).output  # which needs none


def test_what_cannot_be_proved():
    with pytest.raises(InputError, match="expected the systems to prove, or --all"):
        prove()
    with pytest.raises(InputError, match="or --all"):
        prove("dcl", "--all")
    with pytest.raises(InputError, match="system: found no 'dlc'; did you mean 'dcl'"):
        prove("dlc")


# Several to a command: a process that trains costs seconds to start.
GROUPS = [claimed()[i : i + 9] for i in range(0, len(claimed()), 9)]


@pytest.mark.slow
@pytest.mark.parametrize("systems", GROUPS, ids=lambda systems: f"{systems[0]} to {systems[-1]}")
def test_every_claim_runs(systems, tmp_path_factory):
    """In one cache: arms that claims share are trained once."""
    cache = tmp_path_factory.getbasetemp() / "claims"
    found = prove(*systems, "--quick", "--cache", cache).output
    for system in systems:
        assert f"{system}: runs (" in found
    assert found.count("decides nothing") == len(systems)
