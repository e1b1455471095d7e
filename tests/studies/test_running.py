"""A study in processes: what is done stays done, what fails is a line."""

import shutil
import subprocess
import threading
from dataclasses import replace

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.lock import LOCK, Lock
from dipole.studies import running
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell
from dipole.studies.running import (
    DONE,
    FAILED,
    InterruptedStudyError,
    collect,
    run_study,
)
from support.faults import every_death


def test_a_study_and_the_same_study_again(tmp_path, settings, monkeypatch):
    bad = settings | {"anchor": "nothing"}
    cells = [Cell("good", 0, settings, ("retrieval",)), Cell("bad", 0, bad, ("retrieval",))]
    seen = []
    rows = run_study(
        cells, parse_budget("3steps"), tmp_path, watch=lambda rows: seen.append(rows[0].state)
    )
    assert [row.state for row in rows] == [DONE, FAILED]
    assert "'nothing'" in rows[1].error
    assert "trains" in seen
    found = collect(rows)
    assert list(found) == ["good"]
    assert found["good"]["MRR@10"].ndim == 2
    assert found["good"]["peak memory"].shape == (1, 1)

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(subprocess, "Popen", never)
    again = run_study(cells[:1], parse_budget("3steps"), tmp_path)
    assert (collect(again)["good"]["MRR@10"] == found["good"]["MRR@10"]).all()


@pytest.mark.parametrize("alone", [True, False])
def test_processes_work_at_several_cells_unless_each_is_to_be_alone(
    tmp_path, settings, monkeypatch, alone
):
    """One that fails is a line and the next goes on; one that dies takes no other with it."""
    started = []
    begin = subprocess.Popen

    def counted(*args, **kwargs):
        started.append(args)
        return begin(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", counted)
    dying = tmp_path / "dying.py"
    dying.write_text("import os\ndef rows(split):\n    os.kill(os.getpid(), 9)\n")
    cells = [
        Cell("bad", 0, settings | {"anchor": "nothing"}, ()),
        Cell("dead", 0, settings | {"data": f"{dying}:rows"}, ()),
        *(Cell("good", seed, settings, ("retrieval",)) for seed in range(3)),
    ]
    rows = run_study(cells, parse_budget("2steps"), tmp_path / "runs", jobs=1, alone=alone)
    assert [row.state for row in rows] == [FAILED, FAILED, DONE, DONE, DONE]
    assert "'nothing'" in rows[0].error
    assert "ended by SIGKILL" in rows[1].error
    assert len(started) == (5 if alone else 2)
    alike = [cell for cell in cells if cell.arm == "good"]
    whole = run_study(alike, parse_budget("2steps"), tmp_path / "here", jobs=0)
    for one, other in zip(rows[2:], whole, strict=True):
        assert (one.metrics["MRR@10"] == other.metrics["MRR@10"]).all()


def test_folds_have_items_of_their_own(made_row):
    rows = [made_row("a", 0, acc=[1, 2, 3]), made_row("a", 1, acc=[4, 6])]
    for fold, row in enumerate(rows):
        row.cell = replace(row.cell, fold=fold)
    assert collect(rows)["a"]["acc"].tolist() == [[2], [5]]


def test_in_this_process(tmp_path, settings):
    """The same numbers, the same line for what fails."""
    bad = settings | {"anchor": "nothing"}
    cells = [Cell("good", 0, settings, ("retrieval",)), Cell("bad", 0, bad, ("retrieval",))]
    rows = run_study(cells, parse_budget("3steps"), tmp_path, jobs=0)
    assert [row.state for row in rows] == [DONE, FAILED]
    assert "'nothing'" in rows[1].error
    assert collect(rows)["good"]["MRR@10"].shape[0] == 1


def test_stopped_in_this_process(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(running, "attempt", lambda *_, **__: running.STOPPED)
    with pytest.raises(InterruptedStudyError, match="stopped with 0 of 1 runs done"):
        run_study([Cell("a", 0, settings, ())], parse_budget("3steps"), tmp_path, jobs=0)


def test_wrong_settings_stop_a_study_before_it_starts(tmp_path, settings):
    cells = [Cell("a", 0, settings | {"objective": "dlc"}, ("retrieval",))]
    with pytest.raises(InputError, match="dlc"):
        run_study(cells, parse_budget("3steps"), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_budget_of_its_own_stands(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(running, "_run", lambda *_, **__: None)
    cells = [Cell("a", 0, settings, (), {"epochs": 5}), Cell("b", 0, settings, ())]
    rows = run_study(cells, parse_budget("3steps"), tmp_path)
    assert [row.cell.budget for row in rows] == [{"epochs": 5}, {"max_steps": 3}]


def test_seconds_become_steps_once_per_arm(tmp_path, settings, monkeypatch):
    def measured(waiting, rows, jobs, alone, watch, *, only_speed=False):
        for row in waiting if only_speed else []:
            row.folder.mkdir(parents=True)
            (row.folder / running.SPEED).write_text('{"steps_per_second": 4.0}')
            asked.append(row.cell.arm)

    asked = []
    monkeypatch.setattr(running, "_run", measured)
    slow = settings | {"temperature": 0.2}
    cells = [Cell(a, s, x, ()) for s in (0, 1) for a, x in (("a", settings), ("b", slow))]
    rows = run_study(cells, parse_budget("2.5s"), tmp_path)
    assert {row.cell.budget["max_steps"] for row in rows} == {10}
    assert asked == ["a", "b"]
    run_study(cells, parse_budget("5s"), tmp_path)
    assert asked == ["a", "b"]  # measured once


def test_collect_pairs_the_seeds_and_leaves_out_what_is_not_whole(made_row):
    rows = [
        made_row("a", 1, acc=[3, 4]),
        made_row("a", 0, acc=[1, 2]),
        made_row("b", 0, acc=[5, 6]),
        made_row("b", 1, FAILED, acc=[7, 8]),
    ]
    found = collect(rows)
    assert list(found) == ["a"]
    assert found["a"]["acc"].tolist() == [[1, 2], [3, 4]]
    assert np.all(found["a"]["seconds"] == 2.0)


def test_killed_at_any_file_operation(tmp_path, settings, monkeypatch):
    """Also where a model is dropped once it is measured."""
    monkeypatch.setattr("dipole.studies.worker._KEPT_MB", 0)
    cell = Cell("a", 0, settings | {"checkpoint_every": 2}, ("retrieval",))

    def study(name):
        return collect(run_study([cell], parse_budget("3steps"), tmp_path / name, jobs=0))["a"]

    whole = study("whole")

    def check(name):
        assert (study(name)["MRR@10"] == whole["MRR@10"]).all(), name
        # And it can be measured once more, from a model that is whole or made again.
        for path in (tmp_path / name).glob("*/measures/*.npz"):
            path.unlink()
        assert (study(name)["MRR@10"] == whole["MRR@10"]).all(), name
        shutil.rmtree(tmp_path / name)

    assert every_death(study, check, last=12) > 20


def test_a_cell_that_another_study_trains_is_waited_for(tmp_path, settings, monkeypatch):
    folder = Cell("a", 0, settings, ("retrieval",), {"max_steps": 3}).folder(tmp_path)
    trains, waits = threading.Event(), threading.Event()

    def other():
        with Lock(folder / LOCK, "other"):
            trains.set()
            waits.wait()

    thread = threading.Thread(target=other)
    thread.start()
    trains.wait()
    monkeypatch.setattr("dipole.lock._say", lambda line: waits.set())
    cells = [Cell("a", 0, settings, ("retrieval",))]
    assert run_study(cells, parse_budget("3steps"), tmp_path, jobs=0)[0].state == DONE
    thread.join()
