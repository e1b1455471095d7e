from __future__ import annotations

import pytest
import torch

from dipole.errors import InputError
from dipole.views.multi_crop import MultiCrop

pytest.importorskip("kornia")


def places(height: int, width: int, n: int) -> torch.Tensor:
    """Images whose two channels are x and y of each pixel's centre, as fractions of the sides."""
    x = ((torch.arange(width) + 0.5) / width).expand(height, width)
    y = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    return torch.stack([x, y]).expand(n, 2, height, width).contiguous()


@pytest.mark.parametrize("local_size", [None, 7, 20])
def test_the_middle_of_every_crop_is_the_middle_of_its_box(local_size: int | None) -> None:
    torch.manual_seed(0)
    crops = MultiCrop(local=3, local_size=local_size, strength=0.0)({"image": places(28, 42, 16)})
    assert len(crops) == 5
    for crop in crops:
        x0, y0, x1, y1 = crop["boxes"].T
        middle = crop["image"].mean((2, 3))  # linear in place: the mean is the middle
        torch.testing.assert_close(middle[:, 0] * 42, (x0 + x1) / 2, atol=1e-3, rtol=0)
        torch.testing.assert_close(middle[:, 1] * 28, (y0 + y1) / 2, atol=1e-3, rtol=0)
        # From the first pixel's centre to the last one's.
        span = (crop["image"][:, 0, 0, -1] - crop["image"][:, 0, 0, 0]) * 42
        width = crop["image"].shape[3]
        torch.testing.assert_close(span, (x1 - x0) * (width - 1) / width, atol=1e-3, rtol=0)


def test_two_large_crops_come_first_and_small_ones_show_less() -> None:
    torch.manual_seed(0)
    view = MultiCrop(local=4, split=0.4)
    crops = view({"image": places(28, 28, 64)})
    assert view.count == len(crops) == 6
    assert [tuple(c["image"].shape[2:]) for c in crops] == [(28, 28)] * 2 + [(12, 12)] * 4
    areas = [
        ((c["boxes"][:, 2] - c["boxes"][:, 0]) * (c["boxes"][:, 3] - c["boxes"][:, 1])).abs() / 784
        for c in crops
    ]
    # Sides are whole pixels, so an area may be a little outside its range.
    assert all(area.min() > 0.35 for area in areas[:2])
    assert all(area.min() > 0.03 and area.max() < 0.47 for area in areas[2:])
    assert not torch.equal(crops[2]["boxes"], crops[3]["boxes"])


@pytest.mark.parametrize("options", [{"local": -1}, {"split": 0.01}, {"split": 1.0}])
def test_settings_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="multi-crop: found local"):
        MultiCrop(**options)  # type: ignore[arg-type]
