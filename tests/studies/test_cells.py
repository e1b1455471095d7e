import os
from dataclasses import replace

import pytest

from dipole.errors import InputError
from dipole.studies.cells import Cell

CELL = Cell("a", 0, {"data": "stdlib-code", "objective": "dcl"}, ("retrieval",), {"epochs": 1})


@pytest.mark.parametrize(
    "other",
    [
        replace(CELL, seed=1),
        replace(CELL, budget={"epochs": 2}),
        replace(CELL, settings={**CELL.settings, "temperature": 0.1}),
        replace(CELL, settings={**CELL.settings, "objective": "infonce"}),
        replace(CELL, settings={**CELL.settings, "data": "dipole.studies.benches.pairs:rows"}),
        replace(CELL, test="validation"),
        replace(CELL, quick=True),
    ],
)
def test_what_decides_a_run_decides_its_folder(other, tmp_path):
    assert other.folder(tmp_path) != CELL.folder(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        replace(CELL, arm="b"),
        replace(CELL, measures=("knn",)),
        replace(CELL, keep_model=True),
        replace(CELL, settings={"objective": "dcl", "data": "stdlib-code"}),
        replace(CELL, settings={**CELL.settings, "log_every": 1}),
    ],
)
def test_what_decides_nothing_shares_the_run(other, tmp_path):
    assert other.folder(tmp_path) == CELL.folder(tmp_path)


def test_a_file_that_changed_is_another_run(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("a,b\n")
    cell = replace(CELL, settings={"data": str(path)})
    before = cell.key
    os.utime(path, (1, 1))
    assert cell.key != before


def test_json_round_trip():
    assert Cell.from_json(CELL.to_json()) == CELL


def test_settings_of_a_run():
    assert CELL.run_settings() == {**CELL.settings, "epochs": 1, "seed": 0}


def test_wrong_settings_are_said_before_anything_runs():
    with pytest.raises(InputError, match="did you mean 'temperature'"):
        replace(CELL, settings={**CELL.settings, "temperatur": 1}).check()
    with pytest.raises(InputError, match="temperature: found -1"):
        replace(CELL, settings={**CELL.settings, "temperature": -1.0}).check()
    with pytest.raises(InputError, match="objective: found 'dlc'"):
        replace(CELL, settings={**CELL.settings, "objective": "dlc"}).check()


def test_a_model_or_a_folder_that_changed_is_another_run(tmp_path):
    """The path is the same: what lies there decides."""
    model, data = tmp_path / "model", tmp_path / "data"
    for folder in (model, data):
        folder.mkdir()
        (folder / "file").write_text("first")
    cell = replace(CELL, settings={"data": str(data), "encoder": str(model), "objective": "dcl"})
    keys = [cell.key]
    for folder in (model, data):
        (folder / "file").write_text("another")
        keys.append(cell.key)
    assert len(set(keys)) == 3
    assert cell.key == keys[-1]


def test_a_part_in_a_file_is_known_by_its_code(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("class Doubler:\n    factor = 2\n")
    cell = replace(CELL, settings={**CELL.settings, "parts": [f"{path}:Doubler:size=3"]})
    before = cell.key
    os.utime(path, (1, 1))
    path.write_text('class Doubler:\n    """Twice."""\n\n    factor = 2\n')
    assert cell.key == before
    path.write_text("class Doubler:\n    factor = 3\n")
    assert cell.key != before


@pytest.mark.parametrize("part", ["teacher:model={}", {"teacher": {"model": "{}"}}])
def test_a_file_that_a_part_names_and_that_changed_is_another_run(part, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("")
    named = str(path)
    parts = [part.format(named) if isinstance(part, str) else {"teacher": {"model": named}}]
    cell = replace(CELL, settings={**CELL.settings, "parts": parts})
    before = cell.key
    os.utime(path, (1, 1))
    assert cell.key != before
