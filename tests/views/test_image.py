"""Views of images: what they show, where, and that a seed decides all of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.views import build_views
from dipole.views.image import SimCLR, Strong, Weak

pytest.importorskip("kornia")


def coordinates(height: int, width: int, n: int = 32) -> Tensor:
    """Images whose two channels are x and y of each pixel's centre, as fractions of the sides."""
    x = ((torch.arange(width) + 0.5) / width).expand(height, width)
    y = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    return torch.stack([x, y]).expand(n, 2, height, width).contiguous()


def photos(n: int, channels: int, side: int) -> dict[str, Tensor]:
    torch.manual_seed(3)
    return {"image": torch.rand(n, channels, side, side)}


def check_boxes(view: dict[str, Tensor], height: int, width: int) -> None:
    """Every pixel shows the place that the box says: the image's pixels are their places."""
    image, (x0, y0, x1, y1) = view["image"], view["boxes"].T[..., None]
    x = x0 + (torch.arange(image.shape[3]) + 0.5) / image.shape[3] * (x1 - x0)
    y = y0 + (torch.arange(image.shape[2]) + 0.5) / image.shape[2] * (y1 - y0)
    shown = image * torch.tensor([width, height])[:, None, None]
    torch.testing.assert_close(shown[:, 0], x[:, None].expand_as(shown[:, 0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(shown[:, 1], y[..., None].expand_as(shown[:, 1]), atol=1e-4, rtol=0)


def test_boxes_are_where_the_pixels_come_from() -> None:
    torch.manual_seed(0)
    view = SimCLR(strength=0.0, area=0.2)({"image": coordinates(20, 14)})
    check_boxes(view, 20, 14)
    x0, y0, x1, y1 = view["boxes"].T
    mirrored = x0 > x1
    assert 0 < mirrored.sum() < len(mirrored)
    area = ((x1 - x0) * (y1 - y0)).abs() / (20 * 14)
    assert area.min() > 0.1
    assert area.max() <= 1.0
    assert len(view["boxes"].unique(dim=0)) > 25


def test_an_image_is_not_mirrored_if_left_and_right_matter() -> None:
    view = SimCLR(strength=0.0, flip=False)({"image": coordinates(8, 8)})
    assert (view["boxes"][:, 0] < view["boxes"][:, 2]).all()


def test_a_weak_view_moves_an_image_by_an_eighth_at_most() -> None:
    torch.manual_seed(0)
    view = Weak(flip=False)({"image": coordinates(16, 16)})
    shift = view["boxes"] - torch.tensor([0.0, 0.0, 16.0, 16.0])
    torch.testing.assert_close(shift[:, :2], shift[:, 2:])
    assert 1 < shift.abs().max() <= 2
    inner = view["image"][:, 0, 8, 8] * 16  # far from what the shift uncovers
    torch.testing.assert_close(inner, 8.5 + shift[:, 0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["simclr", "weak", "strong", "multi-crop"])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (1, 14), (3, 32)])
def test_the_seed_decides_a_view_and_values_stay_values(
    name: str, channels: int, side: int
) -> None:
    features = photos(6, channels, side)
    before = features["image"].clone()

    def draw(seed: int) -> list[dict[str, Tensor]]:
        torch.manual_seed(seed)
        found = [view(features) for view in build_views([name])]  # new ones: nothing is kept
        return [f for one in found for f in (one if isinstance(one, list) else [one])]

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(a[k], b[k]) for a, b in zip(first, again, strict=True) for k in a)
    assert not torch.equal(first[0]["image"], other[0]["image"])
    assert not torch.equal(first[0]["image"], first[1]["image"])
    assert torch.equal(features["image"], before)
    for view in first:
        assert view["image"].shape[:2] == (6, channels)
        assert view["boxes"].shape == (6, 4)
        assert view["image"].min() >= 0
        assert view["image"].max() <= 1
        assert view["image"].isfinite().all()


def test_a_view_made_before_draws_as_a_new_one() -> None:
    features, old = photos(4, 1, 14), SimCLR()
    old(features)
    torch.manual_seed(5)
    first = old(features)["image"]
    torch.manual_seed(5)
    assert torch.equal(first, SimCLR()(features)["image"])


def test_strength_zero_leaves_colours_alone() -> None:
    images = torch.full((4, 3, 16, 16), 0.3)
    images[:, 1] = 0.6
    view = SimCLR(strength=0.0)({"image": images})
    torch.testing.assert_close(view["image"], images, atol=1e-5, rtol=0)
    torch.manual_seed(0)
    assert (SimCLR(strength=1.0)({"image": images})["image"] - images).abs().max() > 0.1


def test_a_grey_image_is_lightened_and_contrasted_only() -> None:
    """Without crop effects (one colour in the image) a view is one colour again."""
    view = SimCLR(strength=0.5)({"image": torch.full((16, 1, 14, 14), 0.4)})["image"]
    spread = view.amax((1, 2, 3)) - view.amin((1, 2, 3))
    assert spread.max() < 1e-5
    assert view.mean((1, 2, 3)).std() > 0.01
    black = SimCLR(strength=0.5)({"image": torch.zeros(16, 1, 14, 14)})["image"]
    assert black.max() == 0  # brightness multiplies, as in the paper


def test_small_images_are_not_blurred_and_large_ones_are() -> None:
    assert len(SimCLR().colours(32, 32, 1)) == 1
    assert len(SimCLR().colours(96, 96, 1)) == 2
    assert len(SimCLR(blur=0.5).colours(32, 32, 1)) == 2


def test_strong_is_farther_from_the_image_than_weak() -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(64, 3, 4, 4), (32, 32), mode="bilinear")

    def distance(view: torch.nn.Module) -> float:
        return float((view({"image": smooth})["image"] - smooth).abs().mean())

    assert distance(Strong()) > distance(SimCLR()) > 0
    assert distance(Strong()) > 1.5 * distance(Weak())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 2.0}, r"view option strength: found 2\.0; expected 0 to 1\.25"),
        ({"area": -1}, "view option area: found -1; expected 0 to 1"),
        ({"blur": 7}, "view option blur: found 7; expected 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SimCLR(**options)  # type: ignore[arg-type]


def test_features_of_texts_are_refused() -> None:
    with pytest.raises(InputError, match="view: found features input_ids; expected 'image'"):
        SimCLR()({"input_ids": torch.zeros(1, 1)})
