import json

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError
from dipole.studies.bench import NAMES


def benches(*arguments):
    return CliRunner().invoke(app, ["benches", *map(str, arguments)], catch_exceptions=False)


def test_they_are_listed():
    output = benches().output
    assert all(name in output for name in NAMES)
    found = json.loads(benches("--json").stdout)
    assert [one["id"] for one in found] == list(NAMES)
    assert found[0]["numbers"]["untrained"] > 0


def test_one_is_measured(tmp_path):
    result = benches("measure", "support.studies:SMALL", "--out", tmp_path / "pages", "--jobs", "1")
    assert "small" in result.output
    assert (tmp_path / "pages" / "small.md").exists()
    assert "small" in json.loads((tmp_path / "pages" / "numbers.json").read_text())


def test_what_is_no_bench(tmp_path):
    with pytest.raises(InputError, match="bench: found 'view'; did you mean 'views'"):
        benches("measure", "view", "--out", tmp_path)
