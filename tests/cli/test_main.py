"""The command as a whole: it answers at once, and a person's mistake is one line."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import dipole
from dipole.cli import app, main
from dipole.errors import InputError, RunError


def test_help_names_every_command():
    output = CliRunner().invoke(app, ["--help"]).output
    for command in ("demo", "train", "evaluate", "index", "search"):
        assert command in output


def test_version():
    assert CliRunner().invoke(app, ["--version"]).output == f"dipole {dipole.__version__}\n"


@pytest.mark.parametrize("module", ["dipole.cli", "dipole"])
def test_nothing_heavy_is_imported_before_it_is_needed(module):
    """What makes `dipole --help` answer at once: no import of what only a command's work needs."""
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"torch", "numpy", "scipy", "pyarrow", "transformers", "accelerate", "lancedb"}
    assert not heavy & set(loaded)


def test_one_objective_needs_torch_alone():
    code = "import dipole.objectives, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "torch" in loaded
    assert not {"pyarrow", "transformers", "accelerate", "lancedb", "datasets"} & set(loaded)


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (InputError("a.csv: no rows"), 2, "error: a.csv: no rows\n"),
        (RunError("step 3: the loss is nan"), 1, "error: step 3: the loss is nan\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, printed):
    def fail():
        raise error

    monkeypatch.setattr("dipole.cli.app", fail)
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == code
    assert capsys.readouterr().err == printed


def test_another_error_keeps_its_traceback(monkeypatch):
    """A bug of ours is not dressed up as a mistake of the user's."""

    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr("dipole.cli.app", fail)
    with pytest.raises(ZeroDivisionError):
        main()
