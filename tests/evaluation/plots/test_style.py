import subprocess
import sys

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.plots.style import drawing, look, numbers, written

matplotlib = pytest.importorskip("matplotlib")


@pytest.mark.parametrize("name", ["x", "x.png", "x.svg"])
def test_both_files_are_written_whatever_the_ending(tmp_path, name):
    with drawing(tmp_path / name) as (axes,):
        axes.plot([0, 1], [1, 0])
    assert written(tmp_path / name) == [tmp_path / "x.png", tmp_path / "x.svg"]
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (tmp_path / "x.svg").read_text("utf-8")


def test_a_dot_in_the_name_is_no_ending(tmp_path):
    assert written(tmp_path / "tau=0.1")[0].name == "tau=0.1.png"


def test_the_same_picture_is_the_same_file(tmp_path):
    for name in ("a", "b"):
        with drawing(tmp_path / name) as (axes,):
            axes.plot([0, 1], [1, 0], label="100 $ and $ more")
            axes.legend()
    for ending in ("png", "svg"):
        first, second = (tmp_path / f"{name}.{ending}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_no_global_state_and_no_screen(tmp_path):
    before = dict(matplotlib.rcParams)
    with drawing(tmp_path / "x"):
        pass
    assert dict(matplotlib.rcParams) == before
    code = (
        "import sys; from dipole.evaluation.plots.results import draw_curves; "
        f"draw_curves({str(tmp_path / 'y')!r}, {{'a': [1, 2]}}); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "y.png").exists()


def test_lines_stay_apart():
    looks = [tuple(look(number).values()) for number in range(21)]
    assert len(set(looks)) == 21


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: numbers("loss", [1.0, np.nan]), "loss has 1 values that are not finite"),
        (lambda: numbers("loss", []), r"loss has shape \(0,\); expected numbers, 1-d"),
        (lambda: numbers("loss", [[1.0]]), "expected numbers, 1-d"),
    ],
)
def test_bad_numbers(call, match):
    with pytest.raises(InputError, match=match):
        call()


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="no folder"), drawing(tmp_path / "no" / "x"):
        pass
