"""The planted best setting is found, worse trials stop early, and a stopped search goes on."""

import copy
import json

import pytest

from dipole.errors import InputError, RunError
from dipole.lock import LOCK, Lock
from dipole.studies.tuning import Space, run_folder, tune
from dipole.training.run.origin import ChangedDataError
from support.faults import every_death


@pytest.fixture
def fake(monkeypatch):
    """Trainings whose validation is known: better the nearer the rate is to 0.01."""
    from dipole.training.run.folder import Run
    from dipole.training.run.observers import ValidationRecord, told

    class Fake:
        def __init__(self):
            self.seen = []
            self.stop_at = None

        def __call__(self, *, out, learning_rate, objective="infonce", **settings):
            from math import log10

            if self.stop_at == len(self.seen):
                self.stop_at = None
                raise KeyboardInterrupt
            self.seen.append((learning_rate, objective))
            if objective == "broken":
                raise InputError("objective: found 'broken'")
            out.mkdir(parents=True, exist_ok=True)
            value = -abs(log10(learning_rate) + 2)
            for step in (1, 2, 3):
                found = value - 1 / step
                told(ValidationRecord(step, 3, "MRR@10", found, {"MRR@10": found}, found, step))
            return Run(out, None, {"best": value - 1 / 3, "step": 3})

    made = Fake()
    monkeypatch.setattr("dipole.training.fit.fit", made)
    return made


SPACE = Space(ranges={"learning_rate": (1e-5, 1.0)})


def test_the_planted_best_is_found_and_others_are_pruned(fake, tmp_path):
    told = []
    ranked = tune(SPACE, tmp_path / "x", trials=24, data="d", validation=0.1, told=told.append)
    assert len(ranked) == len(told) == 24
    assert ranked[0].settings["learning_rate"] == pytest.approx(1e-2, rel=1)
    pruned = [t for t in ranked if t.state == "pruned"]
    complete = [t for t in ranked if t.state == "complete"]
    assert len(pruned) >= 3
    assert all(t.step < 3 for t in pruned)
    assert [t.value for t in complete] == sorted((t.value for t in complete), reverse=True)
    kept = set((tmp_path / "x" / "trials").iterdir())
    assert kept == {run_folder(tmp_path / "x", t.settings) for t in ranked[:3]}


def test_stopped_and_gone_on(fake, tmp_path):
    fake.stop_at = 4
    with pytest.raises(KeyboardInterrupt):
        tune(SPACE, tmp_path / "x", trials=10, data="d", validation=0.1)
    assert len(fake.seen) == 4
    stopped = [
        json.loads(line) for line in (tmp_path / "x" / "journal.log").read_text().splitlines()
    ][-1]  # the last thing written is what was drawn for the fifth trial
    ranked = tune(SPACE, tmp_path / "x", trials=10, data="d", validation=0.1)
    assert len(fake.seen) == len(ranked) == 10
    assert fake.seen[4][0] == stopped["param_value_internal"]
    again = tune(SPACE, tmp_path / "x", trials=10, data="d", validation=0.1)
    assert again == ranked
    assert len(fake.seen) == 10  # nothing is left to do


def test_settings_that_do_not_go_together_fail_alone(fake, tmp_path):
    space = Space(SPACE.ranges, {"objective": ["infonce", "broken"]})
    ranked = tune(space, tmp_path / "x", trials=12, data="d", validation=0.1)
    failed = [t for t in ranked if t.state == "failed" or t.state == "fail"]
    assert failed
    assert ranked[-1].error == "objective: found 'broken'"
    assert ranked[0].settings["objective"] == "infonce"
    with pytest.raises(RunError, match="no trial of 2 was complete; the last: objective"):
        tune(
            Space(SPACE.ranges, {"objective": ["broken"]}),
            tmp_path / "y", trials=2, data="d", validation=0.1,
        )  # fmt: skip


def test_another_search_in_the_folder_is_refused(fake, tmp_path):
    tune(SPACE, tmp_path / "x", trials=1, data="d", validation=0.1)
    with pytest.raises(InputError, match="found another search there"):
        tune(SPACE, tmp_path / "x", trials=1, data="other", validation=0.1)
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "file").write_text("")
    with pytest.raises(InputError, match="exists; expected a new folder"):
        tune(SPACE, tmp_path / "y", trials=1, data="d", validation=0.1)


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(InputError, match="validation: found none"):
        tune(SPACE, tmp_path / "x", data="d")
    with pytest.raises(InputError, match=r"temperature: found 0\.5:0\.1, expected LOW"):
        Space({"temperature": (0.5, 0.1)})
    with pytest.raises(InputError, match=r"batch_size: found \[8, 8\]"):
        Space(choices={"batch_size": [8, 8]})
    with pytest.raises(InputError, match="space: found nothing to search"):
        Space()


def test_real_trainings(pairs, tiny_encoder, tmp_path, monkeypatch):
    """Two trials of the ordinary trainer; the encoder given stays as it was."""
    start = copy.deepcopy(tiny_encoder)
    ranked = tune(
        Space(choices={"learning_rate": [1e-7, 1e-2]}), tmp_path / "x", trials=2, seed=1,
        data=pairs, encoder=tiny_encoder, validation=pairs, epochs=2,
    )  # fmt: skip
    for a, b in zip(start.parameters(), tiny_encoder.parameters(), strict=True):
        assert a.equal(b)
    assert {t.state for t in ranked} == {"complete"}
    assert all(t.value is not None for t in ranked)


def outcome(ranked):
    return [(t.state, t.value, t.settings, t.step) for t in ranked]


def test_killed_at_any_file_operation(fake, tmp_path):
    """And whatever of the journal's last line was written."""

    def search(name):
        return tune(SPACE, tmp_path / name, trials=3, data="d", validation=0.1, keep=1)

    whole = outcome(search("whole"))

    def check(name):
        if (journal := tmp_path / name / "journal.log").exists():
            with journal.open("a") as file:
                file.write('{"op_code": 6, "half a li')
        assert outcome(search(name)) == whole
        assert not list((tmp_path / name).glob(".*"))

    assert every_death(search, check) > 30


def test_two_searches_in_one_folder(fake, tmp_path):
    with Lock(tmp_path / "x" / LOCK, "x"), pytest.raises(RunError, match="x: another search is at"):
        tune(SPACE, tmp_path / "x", trials=1, data="d", validation=0.1)


def test_a_search_goes_on_with_its_data_alone(pairs, tiny_encoder, tmp_path):
    def search(data, trials):
        return tune(
            Space(choices={"learning_rate": [1e-7, 1e-2]}), tmp_path / "x", trials=trials, seed=1,
            data=data, encoder=copy.deepcopy(tiny_encoder), validation=pairs, max_steps=1,
        )  # fmt: skip

    search(pairs, 1)
    with pytest.raises(ChangedDataError, match=r"changed since this run began: .* another order"):
        search(pairs.select(range(49, -1, -1)), 2)
    assert [t.state for t in search(pairs, 2)] == ["complete", "complete"]
