from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.views import build_views
from dipole.views.sheet import contact_sheet

pytest.importorskip("kornia")
pytest.importorskip("matplotlib")


def test_a_sheet_shows_images_and_views(tmp_path: Path) -> None:
    from matplotlib.image import imread

    features = {"image": torch.rand(2, 1, 8, 8)}
    state = torch.get_rng_state()
    for name in ("one.png", "two.png"):
        contact_sheet(features, build_views(["simclr*3"]), tmp_path / name)
    assert torch.equal(torch.get_rng_state(), state)
    first, second = imread(tmp_path / "one.png"), imread(tmp_path / "two.png")
    assert np.array_equal(first, second)
    assert first.std() > 0.1
    contact_sheet(
        {"image": torch.rand(1, 3, 8, 8)}, build_views(["multi-crop"]), tmp_path / "3.svg"
    )
    assert (tmp_path / "3.svg").read_text().startswith("<?xml")


def test_texts_have_no_sheet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected images"):
        contact_sheet({"image": torch.rand(1, 1, 8, 8)}, build_views(["same"]), tmp_path / "x.png")
