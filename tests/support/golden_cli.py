"""The answers of the command line on small files, as lines: times and folders left out."""

from __future__ import annotations

import csv
import os
import re
import tempfile
from pathlib import Path

from typer.testing import CliRunner

from support.kinds import ROWS

# Where this file is: pages are shown with their whole path.
CHECKOUT = str(Path(__file__).resolve().parents[2])
TRAINED = "--max-steps 3 --batch-size 8 --precision fp32 --encoder-option dim=16"
COMMANDS = (
    f"train --data pairs.csv --out run {TRAINED} --validation 0.25",
    f"train --recipe grad-cache --data pairs.csv --anchor positive --positive anchor --out swapped "
    f"{TRAINED}",
    f"train --recipe simcse --data pairs.csv --anchor anchor --out texts {TRAINED}",
    "train --resume --out run",
    "train --data pairs.csv --out run",
    "train --data pairs.csv --out new --objective infonse",
    "train --data pairs.csv --out new --batch-size 0",
    "train --data missing.csv --out new",
    "evaluate run --data pairs.csv",
    "evaluate run --data pairs.csv --baseline bm25",
    "evaluate run --data pairs.csv --json",
    "evaluate run --data graded.csv --task sts",
    "evaluate run --data graded.csv --task retrival",
    "index run --corpus pairs.csv --text positive --out docs.index",
    "search docs.index open -k 3",
    "search docs.index",
    "mine run --data pairs.csv --negatives 2 --out mined.jsonl",
    "merge run run --out merged",
    "systems show dcl",
    "no-such-command",
)


def answers() -> dict[str, list[str]]:
    """Command -> its exit code and error, and the lines it printed."""
    from dipole.cli import app

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            _write("pairs.csv", ["anchor", "positive"], ROWS)
            graded = [[*row, i % 6] for i, row in enumerate(ROWS)]
            _write("graded.csv", ["sentence1", "sentence2", "score"], graded)
            return {command: _lines(app, command, name) for command in COMMANDS}
        finally:
            os.chdir(before)


def _lines(app: object, command: str, folder: str) -> list[str]:
    done = CliRunner(env={"COLUMNS": "100"}).invoke(app, command.split())  # type: ignore[arg-type]
    error = "" if isinstance(done.exception, SystemExit | None) else f" {done.exception!r}"
    lines = [f"exit {done.exit_code}{error}", *done.output.splitlines()]
    lines = [line.replace(folder, ".").replace(CHECKOUT, "CHECKOUT") for line in lines]
    lines = [_without_times(line).strip() for line in lines]
    return [line for line in lines if line]


def _without_times(line: str) -> str:
    line = re.sub(r"\d+(\.\d+)? (m?s|min)\b", "TIME", line)
    line = re.sub(r"[\d.,]+ (examples|queries|documents|pairs|texts)/s", r"SPEED \1/s", line)
    line = re.sub(r"\d{4}-\d\d-\d\d", "DATE", line)
    line = re.sub(r"^verdict   .*", "verdict   VERDICT", line)  # it may be stale, and no failure
    line = re.sub(r"[─╭╮╰╯│┬]+", "", line)
    return re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.4f}", line)


def _write(name: str, columns: list[str], rows: list) -> None:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
