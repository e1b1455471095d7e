"""Callbacks: what they are told, how they stop a training, and that a resumed run has them too."""

import dataclasses
import json

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.training.fit import fit
from dipole.training.run.observers import StopTraining, watching
from support.killing import killed_at
from support.tiny import word_pairs

WORDS = word_pairs(24)
SETTINGS = {
    "encoder_options": {"dim": 16, "buckets": 64}, "batch_size": 8, "epochs": 3,
    "validation": 0.3, "validate_every": 3, "checkpoint_every": 1, "show_progress": False,
}  # fmt: skip


def vectors(run):
    return run.encoder.encode(list(WORDS.column("anchor")))


def test_what_is_told_is_what_is_logged():
    steps, visits = [], []
    run = fit(WORDS, out="a", on_step=steps.append, on_validate=visits.append, log_every=1,
              **SETTINGS)  # fmt: skip
    total = run.result["step"]
    assert [record.step for record in steps] == list(range(1, total + 1))
    assert {record.total for record in steps + visits} == {total}
    logged = {line["step"]: line for line in run.history if "loss" in line}
    for record in steps:
        line = logged[record.step]
        found = (record.loss, record.learning_rate, record.gradient_norm)
        assert found == (line["loss"], line["learning_rate"], line["gradient_norm"])
    values = {r["step"]: r["validation/MRR@10"] for r in run.history if "validation/MRR@10" in r}
    assert {record.step: record.value for record in visits} == values
    assert (visits[-1].best, visits[-1].best_step) == (run.result["best"], run.result["best_step"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        steps[0].loss = 0


def test_a_callback_stops_the_training_in_good_order():
    def stop(record):
        if record.step == 4:
            raise StopTraining("four are enough")

    visits = []
    run = fit(WORDS, out="a", on_step=stop, on_validate=visits.append, **SETTINGS)
    assert (run.result["step"], run.result["stopped"]) == (4, "four are enough")
    assert [record.step for record in visits] == [3, 4]  # the last model competes, too
    assert "four are enough" in str(run)
    # It is finished: there is nothing to go on with, unless more steps are asked for.
    assert fit(out="a", resume=True, on_step=stop).result["step"] == 4
    longer = fit(WORDS, out="a", resume=True, **(SETTINGS | {"epochs": 4}))
    assert longer.result["step"] > 4
    assert longer.result["stopped"] == ""


def test_a_validation_that_is_good_enough_stops_too():
    def enough(record):
        raise StopTraining

    run = fit(WORDS, out="a", on_validate=enough, **SETTINGS)
    assert (run.result["step"], run.result["stopped"]) == (3, "asked to")


def test_a_resumed_run_tells_the_rest_and_ends_in_the_same_model(monkeypatch):
    whole = fit(WORDS, out="whole", **SETTINGS)
    before, after = [], []
    killed_at(monkeypatch, 4, fit, WORDS, out="b", on_step=before.append, **SETTINGS)
    run = fit(WORDS, out="b", resume=True, on_step=after.append, **SETTINGS)
    told = [record.step for record in (*before, *after)]
    assert told == list(range(1, whole.result["step"] + 1))
    assert np.array_equal(vectors(run), vectors(whole))


def test_an_error_of_a_callback_is_the_caller_s_and_the_run_can_go_on():
    def broken(record):
        if record.step == 3:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fit(WORDS, out="a", on_step=broken, **SETTINGS)
    run = fit(WORDS, out="a", resume=True, **SETTINGS)
    assert np.array_equal(vectors(run), vectors(fit(WORDS, out="whole", **SETTINGS)))


def test_each_stage_is_told_of_and_stopped_by_itself():
    seen = []

    def two(record):
        seen.append(record.step)
        if record.step == 2:
            raise StopTraining("two")

    settings = {name: SETTINGS[name] for name in ("encoder_options", "batch_size")}
    run = fit(WORDS, out="a", stages=[{"epochs": 2}, {"epochs": 1}], on_step=two,
              show_progress=False, **settings)  # fmt: skip
    assert seen == [1, 2, 1, 2]
    assert [stage["stopped"] for stage in run.result["stages"]] == ["two", "two"]


def test_what_is_no_function_is_refused_before_anything_is_done(tmp_path):
    for name in ("on_step", "on_validate"):
        with pytest.raises(InputError, match=f"{name}: found 3; expected a function of one record"):
            fit(WORDS, out=tmp_path / "a", **{name: 3})
    assert not (tmp_path / "a").exists()


def test_a_watcher_around_stays_where_fit_has_none():
    seen = []
    with watching(on_validate=seen.append):
        fit(WORDS, out="a", on_step=lambda record: None, **SETTINGS)
    assert [record.step for record in seen] == [3, 6, 9][: len(seen)]
    assert seen


def test_the_reason_is_in_the_file_of_the_run():
    def stop(record):
        raise StopTraining("<b>now</b>")

    run = fit(WORDS, out="a", on_step=stop, **SETTINGS)
    assert json.loads((run.folder / "result.json").read_text())["stopped"] == "<b>now</b>"
    assert "&lt;b&gt;now" in run._repr_html_()
