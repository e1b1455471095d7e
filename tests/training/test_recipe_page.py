"""The commands of docs/recipes.md run one after the other, two steps each."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from support.kinds import ROWS

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text("utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, columns, rows in (
        ("faq.csv", "question,answer", ROWS),
        ("texts.csv", "text", [[anchor] for anchor, _ in ROWS]),
    ):
        Path(name).write_text("\n".join([columns, *map(",".join, rows)]) + "\n")
    yield tmp_path
    sys.modules.pop("recipes", None)


def test_every_block_runs(folder):
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
    assert [kind for kind, _ in blocks].count("bash") == 5
    for kind, text in blocks:
        if kind != "bash":  # its first line is a comment with its name
            Path(text.split()[1]).write_text(text)
            continue
        for line in text.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "dipole"
            *arguments, to, file = arguments if ">" in arguments else [*arguments, "", ""]
            small = ["--max-steps", "2", "--batch-size", "8"] if arguments[0] == "train" else []
            done = CliRunner().invoke(app, [*arguments, *small])
            assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
            if to:
                Path(file).write_text(done.stdout)
    assert (folder / "runs/warm/result.json").is_file()
