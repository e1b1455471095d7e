from __future__ import annotations

import torch

from dipole.encoders.conv import ConvImage, group_norm


def test_every_other_layer_halves_the_map() -> None:
    for side, end in ((8, 2), (14, 4), (28, 7), (32, 8)):
        encoder = ConvImage(size=(side, side), channels=1)
        assert encoder.maps({"image": torch.rand(2, 1, side, side)}).shape == (2, 128, end, end)
    assert ConvImage(size=(8, 8), channels=1, widths=(8, 16)).dim == 16


def test_groups_divide_any_width() -> None:
    assert [group_norm(width).num_groups for width in (8, 16, 48, 64, 50)] == [1, 1, 3, 4, 2]
