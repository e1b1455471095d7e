"""What a worker leaves of a cell; in this process, so that it is fast."""

import json

import numpy as np
import pytest

from dipole.studies import worker
from dipole.studies.cells import Cell


@pytest.fixture
def folder(tmp_path, settings):
    def make(name="cell", measures=("retrieval",), **more):
        cell = Cell("a", 0, settings | more, measures, {"max_steps": 3})
        made = tmp_path / name
        made.mkdir()
        (made / worker.CELL).write_text(cell.to_json())
        return made

    return make


def test_trains_measures_and_says_what_it_took(folder):
    made = folder()
    worker.work(made)
    with np.load(worker.measured_path(made, "retrieval")) as found:
        assert set(found.files) == {"MRR@10", "nDCG@10", "Recall@1", "Recall@10"}
        assert found["MRR@10"].min() >= 0
        assert 1 < found["MRR@10"].max() <= 100
    cost = json.loads((made / worker.COST).read_text())
    assert cost["steps"] == 3
    assert 50 < cost["peak_mb"] < 50_000
    assert cost["examples_per_second"] > 0


def test_a_measure_that_is_missing_is_made_without_training_again(folder, monkeypatch):
    made = folder()
    worker.work(made)
    before = (made / "run" / "metrics.jsonl").read_text()
    worker.measured_path(made, "retrieval").unlink()
    worker.work(made)
    assert (made / "run" / "metrics.jsonl").read_text() == before
    assert worker.measured_path(made, "retrieval").exists()


def test_a_large_model_is_dropped_and_made_again_when_asked(folder, monkeypatch):
    monkeypatch.setattr(worker, "_KEPT_MB", 0)
    made = folder()
    worker.work(made)
    assert not (made / "run" / "model").exists()
    with np.load(worker.measured_path(made, "retrieval")) as found:
        first = found["MRR@10"]
    worker.measured_path(made, "retrieval").unlink()
    worker.work(made)
    with np.load(worker.measured_path(made, "retrieval")) as found:
        assert (found["MRR@10"] == first).all()


def test_speed_is_measured_and_nothing_is_kept(folder, monkeypatch):
    monkeypatch.setattr(worker, "_SPEED_SECONDS", 0.2)
    made = folder()
    worker.work(made, only_speed=True)
    assert json.loads((made / worker.SPEED).read_text())["steps_per_second"] > 0
    assert not (made / "run").exists()
    assert not (made / "trial").exists()


def test_an_error_is_one_line_in_a_file(folder):
    made = folder(temperature=-1.0)
    assert worker.attempt(made) == 2
    assert "temperature: found -1.0" in (made / worker.ERROR).read_text()
    made = folder("other", measures=("builtins:len",))
    assert worker.attempt(made) == 1
    assert (made / worker.ERROR).read_text().startswith("TypeError: ")
    assert "Traceback" in (made / worker.LOG).read_text()
