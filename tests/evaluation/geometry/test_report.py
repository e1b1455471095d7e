import numpy as np
import pytest
from rich.console import Console

from dipole.evaluation.geometry.report import draw_geometry, geometry_json, print_geometry
from dipole.evaluation.geometry.whole import measure_geometry

pytest.importorskip("sklearn")
rng = np.random.default_rng(0)


def test_table_and_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    x = rng.normal(size=(40, 5))
    found = [
        measure_geometry(x, x + scale * rng.normal(size=x.shape), system=f"noise {scale}")
        for scale in (0.1, 1.0)
    ]
    console = Console(record=True, width=120)
    print_geometry(geometry_json(found, data="toy"), console, title="Geometry of toy")
    printed = console.export_text()
    assert "noise 0.1" in printed
    assert f"{found[0]['alignment']:.3f}" in printed
    assert "of 5; vectors of length 1" in printed
    files = draw_geometry(tmp_path, found)
    assert sorted(file.name for file in files if file.suffix == ".png") == [
        "alignment-uniformity.png", "similarities-1.png", "similarities-2.png", "spectrum.png",
    ]  # fmt: skip
    assert all(file.exists() for file in files)


def test_names_and_what_does_not_exist():
    x = np.ones((20, 4))
    found = [measure_geometry(x, system=f"runs/{part}/first") for part in "ab"]
    console = Console(record=True, width=120)
    print_geometry(geometry_json(found), console)
    printed = console.export_text()
    assert "runs/a/first" in printed  # the last part alone would not tell them apart
    assert "n/a: not defined here" in printed
    assert "note: runs/b/first: all vectors point in one direction" in printed
