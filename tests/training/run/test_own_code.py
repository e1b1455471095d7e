"""Code that the settings of a run's folder name is run only if somebody trusts it."""

from pathlib import Path

import pytest

from dipole.encoders import trusting_code
from dipole.errors import InputError
from dipole.training.run.own_code import check_code

CONFIG = Path("run/config.yaml")


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "not_there.py:X"},
        {"encoder_options": {"query": "/some/where.py:X", "document": "static"}},
        {"objective": "infonce + 0.5 * not_there:X.Y"},
        {"view": ["same", "not_there.py:X*2"]},
        {"sampler": "not_there.py:x"},
        {"parts": [{"queue": {"size": 2}}, {"not_there.py:X": {"factor": 2}}]},
        {"stages": [{"data": "a.csv"}, {"objective": "not_there.py:X"}]},
        {"parts": ["not_there.py:X:factor=2"]},
        {"mine": "not_there.py:X:number=3"},
        {"schedule": "not_there:x"},
        {"data": "not_there.py:x"},
        {"sources": [{"data": "a.csv"}, {"data": "not_there:x"}]},
        {"sources": ["a.csv", {"not_there:x": {"share": 0.3}}]},
        {"stages": [{"data": "not_there.py:x"}]},
    ],
)
def test_code_of_a_folder_needs_a_word(settings):
    with pytest.raises(InputError, match=r"^run/config.yaml: \w+ is .*where|there.*trust-code"):
        check_code(settings, {}, CONFIG)
    check_code(settings, settings, CONFIG)
    with trusting_code():
        check_code(settings, {}, CONFIG)


def test_what_is_no_code_or_is_there_needs_none():
    settings = {
        "data": "owner/name:x",
        "validation": "rows/a.csv",
        "encoder": f"{__name__}:X",
        "encoder_options": {"prompts": {"query": "q:x"}, "dim": 3},
        "objective": "infonce + dipole.objectives.pairs.dcl:DCL",
        "parts": [{"queue": {"size": 2, "holds": "a b"}}],
        "stages": [{"data": "stsb"}],
    }
    check_code(settings, {}, CONFIG)
    check_code({"encoder": "python: MyTower", "parts": ["python: Queue(size=2)"]}, {}, CONFIG)
