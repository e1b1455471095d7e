"""`dipole train`, by hand and killed: what it writes, what it refuses, and that it goes on."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError

STEPS = 120


@pytest.fixture(scope="module")
def pairs_csv(tmp_path_factory):
    """240 questions that share a rare word with their answers."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "pairs.csv"
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 5)) for _ in range(240)]
    lines = [f"what does {word} do,the answer about {word} is here" for word in words]
    path.write_text("question,answer\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def options(data, out, /, **more):
    settings = {
        "data": data, "anchor": "question", "positive": "answer", "out": out, "max-steps": STEPS,
        "batch-size": 16, "checkpoint-every": 7, "log-every": 1, "encoder-option": "dim=32",
    } | more  # fmt: skip
    return [str(part) for name, value in settings.items() for part in (f"--{name}", value)]


def train(*arguments):
    """Runs in this process; an error of the user's comes out as it is."""
    return CliRunner().invoke(app, ["train", *map(str, arguments)], catch_exceptions=False)


def started(*arguments):
    """`python -m dipole train ...` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dipole", "train", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(pairs_csv, tmp_path_factory):
    """A run that nothing disturbed, in a process of its own as the killed ones are."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    process = started(*options(pairs_csv, out))
    _, error = process.communicate()
    assert process.returncode == 0, error
    return out


def test_a_run_and_its_folder(finished):
    assert sorted(path.name for path in finished.iterdir()) == [
        "checkpoints", "config.yaml", "data.json", "metrics.jsonl", "model", "result.json",
    ]  # fmt: skip
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert lines[-1]["loss"] < lines[0]["loss"]
    config = yaml.safe_load((finished / "config.yaml").read_text())
    assert config["batch_size"] == 16
    assert config["encoder_options"] == {"dim": 32}


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bits(finished, pairs_csv, tmp_path):
    out = tmp_path / "killed"
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    kills = 0
    while kills < 4:
        process = started(*options(pairs_csv, out), "--resume")
        # Some kills fall into the start, most among steps and checkpoints.
        before = len((out / "metrics.jsonl").read_text()) if (out / "metrics.jsonl").exists() else 0
        while process.poll() is None:
            path = out / "metrics.jsonl"
            if path.exists() and len(path.read_text()) != before:
                break
            time.sleep(0.005)
        time.sleep(rng.random() * 0.4)
        process.kill()
        process.communicate()
        kills += 1
    process = started(*options(pairs_csv, out), "--resume")
    _, error = process.communicate()
    assert process.returncode == 0, error
    for path in sorted((finished / "model").iterdir()):
        assert (out / "model" / path.name).read_bytes() == path.read_bytes(), (path.name, seed)
    steps = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, STEPS + 1)), seed


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(finished, pairs_csv, tmp_path):
    out = tmp_path / "stopped"
    process = started(*options(pairs_csv, out))
    while not (out / "metrics.jsonl").exists():
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert f"to go on: dipole train --out {out} --resume" in error
    assert "Traceback" not in error
    assert train("--out", out, "--resume").exit_code == 0
    first = (finished / "model" / "model.safetensors").read_bytes()
    assert (out / "model" / "model.safetensors").read_bytes() == first


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on(pairs_csv, finished, tmp_path):
    """The limit of the system on a file's size refuses the write, as a full disk does."""
    out = tmp_path / "full"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY));"
        "from dipole.cli import main; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "train", *options(pairs_csv, out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert process.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "the disk is full" in process.stderr
    assert "Traceback" not in process.stderr
    process = started("--out", out, "--resume")
    _, error = process.communicate()
    assert process.returncode == 0, error
    first = (finished / "model" / "model.safetensors").read_bytes()
    assert (out / "model" / "model.safetensors").read_bytes() == first


def test_a_recipe_and_options_that_override_it(pairs_csv, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"data: {pairs_csv}\nmax_steps: 5\nbatch_size: 8\nencoder_options: {{dim: 16}}\n"
    )
    out = tmp_path / "run"
    result = train("--recipe", recipe, "--max-steps", 2, "--out", out)
    assert result.exit_code == 0
    assert "trained 2 steps" in result.output
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert (config["max_steps"], config["batch_size"]) == (2, 8)


def test_validation_by_fraction(pairs_csv, tmp_path):
    arguments = options(pairs_csv, tmp_path / "run", validation=0.2, **{"max-steps": 12})
    assert "validation MRR@10" in train(*arguments).output


def test_the_trackers_get_the_numbers(pairs_csv, tmp_path):
    train(*options(pairs_csv, tmp_path / "run", track="tensorboard", **{"max-steps": 2}))
    assert list((tmp_path / "run").rglob("events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "none.csv"}, r"none.csv: found no data set, file or folder"),
        ({"anchor": "foo"}, r"no column 'foo' \(--anchor\); columns found: question, answer"),
        ({"objective": "infonse"}, r"^--objective: found 'infonse'; did you mean 'infonce'"),
        ({"temperature": -1}, r"^--temperature: found -1.0, expected a number above 0"),
        ({"objective-option": "foo=1"}, r"infonce: found setting 'foo'"),
        (
            {"encoder": "/no/folder", "encoder-option": "max_length=8"},
            r"^/no/folder: no such folder",
        ),
        (
            {"encoder-option": "dims=3"},
            r"encoder option 'dims': no such setting; did you mean 'dim'",
        ),
        ({"validation": "dev"}, r"^--validation: found no file dev, and .*pairs.csv is a file"),
        ({"split-seed": 3}, r"^--split-seed: found 3, and .*pairs.csv is not split by chance"),
        ({"validation": "2"}, r"^--validation: 2.0; expected a fraction between 0 and 1"),
        ({"sampler": "classes"}, r"^--sampler: found 'classes' for Pairs"),
        ({"patience": 2}, r"^--patience: does nothing without --validation; expected both"),
        ({"validate-every": 2}, r"^--validate-every: does nothing without --validation"),
        ({"view-option": "a=2"}, r"^--view-option: does nothing without --view"),
        ({"matryoshka": "999"}, r"found 999, expected below 32"),
        ({"epochs": 0}, r"^--epochs: found 0.0; expected a number greater than 0"),
    ],
)
def test_what_is_wrong_is_one_line(pairs_csv, tmp_path, change, message):
    arguments = options(pairs_csv, tmp_path / "run", **change)
    with pytest.raises(InputError, match=message) as error:
        train(*arguments)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_changed_data_is_of_a_run_that_goes_on(pairs_csv, tmp_path):
    with pytest.raises(InputError, match=r"^--changed-data: does nothing without --resume"):
        train(*options(pairs_csv, tmp_path / "run"), "--changed-data")
    assert not (tmp_path / "run").exists()


def test_a_validation_that_is_trained_on_is_said(pairs_csv, tmp_path):
    said = train(*options(pairs_csv, tmp_path / "run", validation=pairs_csv, **{"max-steps": 1}))
    assert "warning: 240 of 240 rows of the validation are trained on" in said.stderr


def test_on_the_command_line_it_is_exit_code_2_without_a_traceback(tmp_path):
    process = started("--data", "none.csv", "--out", tmp_path / "run")
    output, error = process.communicate()
    assert process.returncode == 2
    assert output == ""
    assert error.startswith("error: none.csv: ")
    assert error.count("\n") == 1


def test_a_run_that_is_there_is_not_overwritten(finished, pairs_csv, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    with pytest.raises(InputError, match="exists; expected a new folder for the run, or --resume"):
        train(*options(pairs_csv, out))
