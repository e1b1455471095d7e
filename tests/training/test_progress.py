"""The log of a run never shows a step twice, whatever cut it off."""

import json
from types import SimpleNamespace

from dipole.training.progress import Bar, Metrics, trim_metrics


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


def test_without_a_terminal_it_prints_ten_lines(capsys):
    with Bar(100, 0, shown=True) as bar:
        for step in range(1, 101):
            bar.update(step)
            if step % 5 == 0:
                bar.show(step, 0.25, 1000.0)
    printed = capsys.readouterr().err.strip().splitlines()
    assert len(printed) == 10
    assert printed[-1] == "step 100/100  loss 0.2500  1,000 examples/s"


def test_hidden_it_prints_nothing(capsys):
    with Bar(10, 0, shown=False) as bar:
        bar.show(10, 0.25, 1000.0)
        bar.say("a line")
    assert capsys.readouterr().err == ""
