"""`dipole paraphrases`: files that can be read again, and mistakes in one line."""

from __future__ import annotations

import csv
import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.data import load_scored
from dipole.encoders import StaticText
from dipole.errors import InputError

TEXTS = ["tie a knot", "tie the knot", "sail", "tie a knot", "a sail", "rope"]


@pytest.fixture(autouse=True)
def _files() -> None:
    StaticText.from_texts(TEXTS, TEXTS, dim=64).save("model")
    rows = [f"{i},{text}" for i, text in enumerate(TEXTS, 1)]
    Path("texts.csv").write_text("\n".join(["id,text", *rows]) + "\n")


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["paraphrases", "texts.csv", "--model", "model", *options])


def test_pairs_and_groups_are_written_and_the_pairs_are_scored_pairs() -> None:
    done = run("--out", "pairs.jsonl", "--communities", "groups.csv", "--min-size", "2",
               "--threshold", "0.3")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "taken once: 1 row" in done.output
    rows = [json.loads(line) for line in Path("pairs.jsonl").read_text().splitlines()]
    assert ("tie a knot", "tie the knot") in {(row["first"], row["second"]) for row in rows}
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert {row["first_id"] for row in rows} <= set("12356")  # the fourth is the first again
    assert len(load_scored("pairs.jsonl")) == len(rows)
    with Path("groups.csv").open(newline="") as file:
        groups = list(csv.DictReader(file))
    assert {"1", "2"} <= {row["id"] for row in groups if row["community"] == groups[0]["community"]}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--out", "pairs.txt"], "--out pairs.txt: expected a name that ends in .jsonl or .csv"),
        (["--out", "a.csv", "--communities", "a.csv"], "a.csv: given twice"),
        (["--out", "texts.csv"], "--out texts.csv: exists; expected the name of a new file"),
        (["--out", "no/a.csv"], "--out no/a.csv: no folder no"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(options: list[str], line: str) -> None:
    done = run(*options)
    assert isinstance(done.exception, InputError)
    assert line in str(done.exception)
    assert not list(Path().glob("a.*"))


def test_a_threshold_that_is_no_cosine_is_refused_at_once() -> None:
    done = run("--out", "a.csv", "--threshold", "2")
    assert done.exit_code == 2
    assert "'--threshold'" in done.output
    assert not Path("a.csv").exists()


def test_without_a_model_it_says_what_to_name() -> None:
    done = CliRunner().invoke(app, ["paraphrases", "texts.csv", "--out", "a.csv"])
    assert "no pretrained model is installed here; expected --model RUN" in str(done.exception)


def test_the_example_of_the_page_prints_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "paraphrases.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    with redirect_stdout(StringIO()) as printed:
        exec(block, {})
    assert printed.getvalue().splitlines() == re.findall(r"print\(.*\)  # (.*)", block)
