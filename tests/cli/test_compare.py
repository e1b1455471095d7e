"""`dipole compare`: the report, what it refuses, and that it goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.cli.compare import _arms
from dipole.errors import InputError


@pytest.fixture(scope="module")
def pairs_csv(tmp_path_factory):
    """120 questions that share a rare word with their answers."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "pairs.csv"
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 5)) for _ in range(120)]
    lines = [f"what does {word} do,the answer about {word} is here" for word in words]
    path.write_text("anchor,positive\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def options(data, out, **more):
    settings = {
        "data": data, "out": out, "objectives": "infonce,dcl", "budget": "5steps", "seeds": 2,
        "batch-size": 16, "encoder-option": "dim=16",
    } | more  # fmt: skip
    return [str(part) for name, value in settings.items() for part in (f"--{name}", value)]


def compare(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.slow
def test_a_comparison_and_its_folder(pairs_csv, tmp_path):
    out = tmp_path / "out"
    result = compare(*options(pairs_csv, out, objectives="infonce,dcl,margin-mse"))
    assert "MRR@10" in result.output
    assert "failed: margin-mse" in result.output
    for part in ("training", "test"):  # which rows and columns
        assert re.search(rf"{part}: \d+ examples from .*anchor 'anchor', positive '", result.stderr)
    assert {"report.html", "leaderboard.png", "leaderboard.svg", "results.json", "runs"} <= {
        path.name for path in out.iterdir()
    }
    found = json.loads((out / "results.json").read_text())
    assert {arm["arm"] for arm in found["arms"]} == {"infonce", "dcl"}
    assert {arm["steps"] for arm in found["arms"]} == {5}
    assert all(os.path.isdir(arm["model"]) for arm in found["arms"])
    # A recipe beside what is given, and nothing of the first is trained again.
    logs = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/run/metrics.jsonl")}
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("objective: infonce\n")
    other = tmp_path / "other.yaml"
    other.write_text("objective: dcl\n")
    again = compare(
        "--recipes", f"{recipe},{other}", *options(pairs_csv, out, temperature=0.1)[:4],
        *options(pairs_csv, out, temperature=0.1)[6:], "--json",
    )  # fmt: skip
    assert {arm["arm"] for arm in json.loads(again.stdout)["arms"]} == {"mine", "other"}
    assert {path: path.stat().st_mtime_ns for path in logs} == logs


@pytest.mark.slow
def test_interrupted_it_goes_on(pairs_csv, tmp_path):
    """Ctrl-C in the middle, then the same command: the losses of one that nothing disturbed."""
    command = [sys.executable, "-m", "dipole", "compare"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    results = []
    for name, stops in (("whole", False), ("stopped", True)):
        arguments = options(pairs_csv, tmp_path / name, budget="400steps", seeds=1)
        if stops:
            process = subprocess.Popen(
                command + arguments, env=environment, stderr=subprocess.PIPE, text=True,
                # What runs tests may have been told to ignore Ctrl-C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
            while not any((tmp_path / name).glob("runs/*/run/metrics.jsonl")):
                time.sleep(0.05)
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, error = process.communicate()
            assert process.returncode == 130
            assert "to go on: the same command again" in error
        done = subprocess.run(command + arguments, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        runs = sorted((tmp_path / name).glob("runs/*/run/metrics.jsonl"))
        losses = [[json.loads(x)["loss"] for x in run.read_text().splitlines()] for run in runs]
        assert [len(steps) for steps in losses] == [40, 40]
        # A logged loss is a mean since the line before, or since the run went on.
        results.append([steps[20:] for steps in losses])
    assert results[0] == results[1]


def test_what_is_given_is_added_to_the_options_of_a_recipe():
    given = {"objective_options": {"beta": 0.5}, "temperature": 0.1}
    arms = _arms("pairs.csv", None, "diht,simcse", given | {"epochs": 1.0})
    assert arms["diht"]["objective_options"] == {
        "alpha": 1.0, "beta": 0.5, "learn_temperature": True,
    }  # fmt: skip
    assert {arm["temperature"] for arm in arms.values()} == {0.1}
    assert {arm["data"] for arm in arms.values()} == {"pairs.csv"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--objectives", "infonce,dlc"], "objective: found 'dlc'; did you mean 'dcl'"),
        (["--objectives", "infonce"], "expected at least two different ones"),
        (["--objectives", "a,b", "--recipes", "a,b"], "expected one of them"),
        (["--recipes", "dcl,nope"], "recipe: found no 'nope'"),
        (["--recipes", "b3,gte"], "recipes: gte trains in stages, each of a length of its own"),
        (["--budget", "3parsecs"], "expected such as 60s"),
        (["--objectives", "cosent,dcl", "--score", "s"], "score: dcl takes no scores"),
        (["--data", "missing.csv"], "missing.csv: found no data set"),
    ],
)
def test_wrong_input_is_said_before_anything_is_trained(arguments, message, tmp_path):
    with pytest.raises(InputError, match=message):
        compare("--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--seeds", "5,20"], "--seeds: '5,20'; expected a number such as 3, or 5,10 or 5,10,20"),
        (["--seeds", "0"], "--seeds: '0'; expected"),
        (["--folds", "5", "--test", "0.2"], "--folds and --test: found both"),
        (["--folds", "5", "--seeds", "4"], "--folds and --seeds: found both"),
    ],
)
def test_seeds_and_folds_that_say_nothing(pairs_csv, tmp_path, given, says):
    with pytest.raises(InputError, match=re.escape(says)):
        compare("--data", pairs_csv, "--out", tmp_path / "out", *given)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_comparison_on_folds(pairs_csv, tmp_path):
    given = options(pairs_csv, tmp_path / "out", folds=3)
    del given[given.index("--seeds") : given.index("--seeds") + 2]
    result = compare(*given, "--json")
    found = json.loads(result.stdout)
    assert found["seeds"] == 3
    assert [len(arm["per_seed"]) for arm in found["arms"]] == [3, 3]
    tests = {json.loads(cell.read_text())["test"] for cell in tmp_path.rglob("cell.json")}
    assert tests == {"1/3", "2/3", "3/3"}
