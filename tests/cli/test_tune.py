"""`dipole tune` by hand: what it prints and leaves, and what it refuses."""

import re

import pytest
import yaml
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune") / "pairs.csv"
    lines = [f"what is word{i},an answer with word{i}" for i in range(60)]
    path.write_text("\n".join(["anchor,positive", *lines]) + "\n")
    return path


def tune(*arguments):
    return CliRunner().invoke(app, ["tune", *map(str, arguments)], catch_exceptions=False)


def test_a_search_goes_on_and_leaves_a_recipe(pairs, tmp_path):
    arguments = [
        "--data", pairs, "--out", tmp_path / "search", "--validation", "0.3", "--finalists", "0",
        "--batch-size", "8", "--objective", "infonce,dcl", "--max-steps", "4",
        "--encoder-option", "dim=8", "--seed", "3",
    ]  # fmt: skip
    first = tune(*arguments, "--trials", "2")
    assert first.exit_code == 0
    assert re.search(r"training: \d+ examples from .*anchor '\w+', positive '\w+'", first.stderr)
    assert first.stdout.count("trial ") >= 2
    more = tune(*arguments, "--trials", "3")
    assert "trial 2:" in more.stdout
    assert "trial 1:" not in more.stdout
    recipe = yaml.safe_load((tmp_path / "search" / "best.yaml").read_text())
    assert set(recipe) >= {"data", "objective", "temperature", "learning_rate", "batch_size"}
    trained = CliRunner().invoke(
        app, ["train", "--recipe", str(tmp_path / "search" / "best.yaml"), "--out",
              str(tmp_path / "run")], catch_exceptions=False,
    )  # fmt: skip
    assert trained.exit_code == 0
    configs = (tmp_path / "search").glob("trials/*/config.yaml")
    assert {yaml.safe_load(path.read_text())["seed"] for path in configs} == {3} == {recipe["seed"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", "hot"], "--temperature hot: expected LOW:HIGH"),
        (["--temperature", "0.5:0.1"], "temperature: found 0.5:0.1, expected LOW:HIGH"),
        (["--batch-size", "8,x"], "--batch-size 8,x: expected whole numbers"),
        (["--objective", " "], "--objective ' ': found no name; expected one, as infonce,dcl"),
        (["--objective", "cosent,dcl", "--score", "s"], "score: dcl takes no scores"),
        (["--objective", "infonse"], "objective: found 'infonse'"),
        (["--objective", "vicreg", "--temperature", "0.1"], "found an objective without one"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(pairs, tmp_path, arguments, message):
    with pytest.raises(InputError) as raised:
        tune("--data", pairs, "--out", tmp_path / "x", *arguments)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "x").exists()
