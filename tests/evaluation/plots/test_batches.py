"""The pictures of docs/negatives.md are drawn; bad input is named."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.plots.batches import draw_all, planted, plot_batch
from dipole.evaluation.plots.style import STYLE


def test_every_sampler_has_a_picture(tmp_path, monkeypatch):
    monkeypatch.setitem(STYLE, "savefig.dpi", 40)
    for name in draw_all(tmp_path):
        assert (tmp_path / f"{name}.png").stat().st_size > 3_000


def test_a_batch_by_hand(tmp_path):
    places, vectors, truth = planted(3, 4)
    plot_batch(tmp_path / "x", places, vectors, np.array([0, 5, 9]), title="$x$", groups=truth)
    assert (tmp_path / "x.svg").exists()
    vectors[0, 0] = np.nan
    with pytest.raises(InputError, match="picture: vectors has 1 values that are not finite"):
        plot_batch(tmp_path / "x", places, vectors, np.array([0]), title="")
