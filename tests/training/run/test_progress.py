"""The log of a run never shows a step twice, whatever cut it off."""

import json
import sys
from types import SimpleNamespace

import pytest

from dipole.errors import InputError
from dipole.training.fit import fit
from dipole.training.run.progress import Bar, Metrics, trim_metrics


def lines(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_lines_after_the_checkpoint_and_a_cut_line_go(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": s, "loss": 1.0}) + "\n" for s in range(1, 6)))
    with path.open("a") as file:
        file.write('{"step": 6, "lo')  # killed while it wrote
    trim_metrics(path, 4)
    assert lines(path) == [1, 2, 3, 4]
    trim_metrics(path, 10)
    assert lines(path) == [1, 2, 3, 4]


def test_no_log_yet(tmp_path):
    trim_metrics(tmp_path / "metrics.jsonl", 4)
    assert not (tmp_path / "metrics.jsonl").exists()


def test_one_process_writes_and_the_trackers_get_the_same(tmp_path):
    seen = []
    accelerator = SimpleNamespace(
        is_main_process=True, trackers=["t"], log=lambda values, step: seen.append((step, values))
    )
    Metrics(tmp_path / "m.jsonl", accelerator).write(3, {"loss": 0.5})
    accelerator.is_main_process = False
    Metrics(tmp_path / "m.jsonl", accelerator).write(4, {"loss": 0.4})
    assert lines(tmp_path / "m.jsonl") == [3]
    assert seen == [(3, {"loss": 0.5})]


def test_a_log_has_a_line_at_every_tenth(capsys):
    with Bar(70, 0, shown=True) as bar:
        for step in range(1, 71):
            bar.update(step, float(step % 7), 4)
    printed = capsys.readouterr().err.strip().splitlines()
    assert [line.split("  ")[0] for line in printed] == [f"step {k}/70" for k in range(7, 71, 7)]
    assert all("  loss 3.0000  " in line for line in printed)  # the mean since the line before


def test_few_steps_have_a_line_each(capsys):
    with Bar(3, 1, shown=True) as bar:
        bar.update(2, 1.0, 4)
        bar.update(3, 1.0, 4)
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_hidden_it_prints_nothing(capsys):
    with Bar(10, 0, shown=False) as bar:
        bar.update(10, 0.25, 4)
        bar.say("a line")
    assert capsys.readouterr().err == ""


def test_a_tracker_that_is_not_installed_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match=r"^--track wandb: wandb is not installed; expected: pip"):
        fit(tmp_path / "never-read.csv", out=tmp_path / "run", track=["wandb"])
    assert not (tmp_path / "run").exists()
