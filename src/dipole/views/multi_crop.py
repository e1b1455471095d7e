"""A few large and many small crops of every image, with their places."""

from __future__ import annotations

from torch import nn

from dipole.errors import InputError
from dipole.views.base import Features, View
from dipole.views.image import ImageView, crop_and_flip, distortion, gaussian_blur


class MultiCrop(View):
    """Two crops of much of the image in full size, then `local` crops of little, in small size.

    Large crops show `split` to 1 of the image, small ones 0.05 to `split`; colours, flips and blur
    as in `SimCLR`. The features of each crop have its "boxes" (see `ImageView`). A tower that
    pools takes crops of both sizes.

    Args:
        local: number of small crops.
        local_size: their side in pixels; None: 3/7 of the image's, rounded to an even number.
        split: 0.14 in SwAV; 0.4 here, as DINO has it, since little of a small image is nothing.

    Source: SwAV (arXiv 2006.09882), section 3.3; DINO (arXiv 2104.14294), section 3.1.

    Example:
        >>> crops = MultiCrop(local=4)({"image": torch.rand(2, 1, 28, 28)})
        >>> [tuple(crop["image"].shape[2:]) for crop in crops]
        [(28, 28), (28, 28), (12, 12), (12, 12), (12, 12), (12, 12)]
    """

    def __init__(
        self,
        local: int = 4,
        local_size: int | None = None,
        split: float = 0.4,
        strength: float = 0.5,
        flip: bool = True,
        blur: float | None = None,
    ) -> None:
        super().__init__()
        if local < 0 or not 0.05 < split < 1:
            raise InputError(
                f"multi-crop: found local {local} and split {split}; expected local of at least 0 "
                "and split between 0.05 and 1"
            )
        self.count = 2 + local
        colour = {"strength": strength, "flip": flip, "blur": blur}
        large = Crop((split, 1.0), None, **colour)  # type: ignore[arg-type]
        small = Crop((0.05, split), local_size, small=True, **colour)  # type: ignore[arg-type]
        self.crops = [large, large] + [small] * local

    def forward(self, features: Features) -> list[Features]:
        """The features of every crop, large ones first."""
        return [crop(features) for crop in self.crops]


class Crop(ImageView):
    """A part of the image between two areas, resized to the image's size or to a small one."""

    def __init__(
        self,
        area: tuple[float, float],
        side: int | None,
        *,
        small: bool = False,
        strength: float,
        flip: bool,
        blur: float | None,
    ) -> None:
        super().__init__()
        self.area, self.side, self.small = area, side, small
        self.strength, self.flip, self.blur = strength, flip, blur

    def geometry(self, height: int, width: int) -> list[nn.Module]:
        """The crop and a flip."""
        size = (height, width)
        if self.side is not None:
            size = (self.side, self.side)
        elif self.small:
            size = (_even(height), _even(width))
        return crop_and_flip(size, self.area, flip=self.flip)

    def colours(self, height: int, width: int, channels: int) -> list[nn.Module]:
        """As in SimCLR."""
        side = min(height, width)
        blur = (0.5 if side >= 64 else 0.0) if self.blur is None else self.blur
        return distortion(self.strength, channels) + gaussian_blur(side, blur)


def _even(side: int) -> int:
    return max(2, round(side * 3 / 7 / 2) * 2)
