import sys
import types

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.plots.spaces import (
    draw_alignment_uniformity,
    draw_map,
    draw_similarities,
    draw_spectrum,
    flattened,
)

pytest.importorskip("matplotlib")
rng = np.random.default_rng(0)


def test_similarities(tmp_path):
    groups = {"positive": rng.normal(0.7, 0.1, 300), "random": rng.normal(0, 0.1, 900)}
    png, svg = draw_similarities(tmp_path / "x", groups, threshold=0.4)
    assert png.stat().st_size > 5000
    assert "stroke-dasharray" in svg.read_text("utf-8")
    draw_similarities(tmp_path / "y", {"constant": np.ones(5)})


def test_alignment_uniformity(tmp_path):
    points = {"a": (0.2, -3), "b": (0.5, -3.5)}
    draw_alignment_uniformity(tmp_path / "x", points, floor=-3.9)
    draw_alignment_uniformity(tmp_path / "y", points, quality={"a": 0.5, "b": 0.9})


def test_spectrum_leaves_out_zeros(tmp_path):
    draw_spectrum(tmp_path / "x", {"a": [3, 2, 0], "b": [1.0]}, ranks={"a": 1.9})


def test_map_axes_are_the_principal_ones():
    vectors = rng.normal(size=(200, 5)) * [5, 0.1, 3, 0.1, 0.1]
    points, names = flattened(vectors)
    centred = vectors - vectors.mean(0)
    values, directions = np.linalg.eigh(centred.T @ centred)
    expected = centred @ directions[:, ::-1][:, :2]
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-9)
    assert names[0] == f"direction 1 ({values[-1] / values.sum():.0%} of variance)"


def test_map(tmp_path):
    vectors = rng.normal(size=(60, 4))
    draw_map(tmp_path / "x", vectors)
    draw_map(tmp_path / "y", vectors, [i % 20 for i in range(60)])  # more than the colours


def test_map_by_umap(monkeypatch):
    """Through a stand-in, since the library compiles itself for a minute or two."""
    asked = {}

    class UMAP:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, vectors):
            return vectors[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    vectors = rng.normal(size=(8, 4))
    points, names = flattened(vectors, "umap", seed=1)
    np.testing.assert_array_equal(points, vectors[:, :2])
    assert names == ["UMAP 1", "UMAP 2"]
    assert asked == {"n_neighbors": 7, "random_state": 1, "init": "random"}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda path: draw_similarities(path, {}), "no groups"),
        (lambda path: draw_alignment_uniformity(path, {"a": (1, 2, 3)}), "a has 3 numbers"),
        (lambda path: draw_alignment_uniformity(path, {"a": (1, 2)}, quality={}), "quality of a"),
        (lambda path: draw_spectrum(path, {"a": [0.0, 0.0]}), "numbers of 0 or more"),
        (lambda path: draw_map(path, np.ones((5, 3))), "all vectors are the same"),
        (lambda path: draw_map(path, np.ones((2, 3))), "at least 3"),
        (lambda path: draw_map(path, rng.random((5, 3)), [1]), "1 labels of 5 vectors"),
        (lambda path: draw_map(path, rng.random((5, 3)), method="tsne"), "expected pca or umap"),
    ],
)
def test_bad_input(tmp_path, call, match):
    with pytest.raises(InputError, match=match):
        call(tmp_path / "x")
    assert not list(tmp_path.iterdir())
