import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.plots.results import draw_curves, draw_leaderboard, draw_paired
from dipole.evaluation.plots.style import COLOURS

pytest.importorskip("matplotlib")


def text(files):
    return files[1].read_text("utf-8")


def test_curves_with_bands(tmp_path):
    rng = np.random.default_rng(0)
    curves = {"infonce": rng.random((3, 20)), "dcl": rng.random(20) + 1}
    svg = text(draw_curves(tmp_path / "x", curves, title="Loss"))
    assert COLOURS[0].lower() in svg
    assert COLOURS[1].lower() in svg
    assert svg.count("fill-opacity: 0.18") == 1  # one seed has no band


def test_many_curves_on_a_logarithmic_axis(tmp_path):
    curves = {f"s{i}": np.exp(-np.arange(10.0)) for i in range(9)}
    files = draw_curves(tmp_path / "x", curves, steps=range(0, 100, 10), log=True)
    assert "stroke-dasharray" in text(files)  # the eighth repeats a colour, not its line


def test_leaderboard(tmp_path):
    systems = {"a": (0.5, 0.4, 0.6), "b": (0.3, float("nan"), float("nan"))}
    svg = text(draw_leaderboard(tmp_path / "x", systems, tied={"a"}))
    assert svg.count("stroke-opacity: 0.55") == 1  # one interval
    assert COLOURS[0].lower() in svg


def test_paired(tmp_path):
    alone = draw_paired(tmp_path / "x", [0.1, 0.2], [0.3, 0.4])
    both = draw_paired(tmp_path / "y", [0.1, 0.2], [0.3, 0.4], difference=(0.2, 0.1, 0.3))
    assert COLOURS[2].lower() not in text(alone)
    assert COLOURS[2].lower() in text(both)
    without = draw_paired(tmp_path / "z", [0.1], [0.3], difference=(0.2, np.nan, np.nan))
    assert without[0].exists()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda path: draw_curves(path, {}), "no curves"),
        (lambda path: draw_curves(path, {"a": [1, np.inf]}), "a has 1 values"),
        (lambda path: draw_curves(path, {"a": [1, 2]}, steps=[1]), "2 points, steps 1"),
        (lambda path: draw_leaderboard(path, {"a": (np.nan, 0, 1)}), "not finite"),
        (lambda path: draw_paired(path, [1, 2], [1]), "2 and 1 seeds; expected pairs"),
    ],
)
def test_bad_input(tmp_path, call, match):
    with pytest.raises(InputError, match=match):
        call(tmp_path / "x")
    assert not list(tmp_path.iterdir())
