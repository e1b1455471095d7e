"""Views of images, on kornia: crops, flips, colours, blur; every image draws its own.

Features hold "image", (n, channels, h, w), values in 0..1. A view also gives "boxes", (n, 4): which
part of the image it shows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dipole.errors import InputError, optional
from dipole.kernels.draws import for_rows
from dipole.views.base import Features, View

# What kornia draws once for a batch: the order of the colours.
_COMMON = ("order", "forward_input_shape")


class ImageView(View):
    """A rendering of images: geometry first, then colours.

    A subclass writes `geometry` and `colours`: lists of kornia's augmentations for images of a
    size and a number of channels. They are made once for every shape.

    boxes: (x0, y0, x1, y1) in pixels of the image that the view was given, where pixel i covers
    i to i + 1: the left, upper, right and lower edge of the view. A mirrored view runs from right
    to left, x0 > x1: place u in 0..1 of the view is x0 + u (x1 - x0) in either case.
    """

    def geometry(self, height: int, width: int) -> list[nn.Module]:
        """What moves pixels along the axes: crops, flips."""
        return []

    def colours(self, height: int, width: int, channels: int) -> list[nn.Module]:
        """What leaves pixels where they are."""
        return []

    def forward(self, features: Features) -> Features:
        """The features with "image" rendered and "boxes" beside it."""
        images = _images(features)
        n, channels, height, width = images.shape
        moves, paints = self._made((height, width, channels))
        moved = torch.eye(3, device=images.device).expand(n, 3, 3)
        for move in moves:
            images = move(images, params=_drawn(move, images.shape))
            moved = move.transform_matrix.to(moved) @ moved
        for paint in paints:
            images = paint(images, params=_drawn(paint, images.shape))
        if paints:
            images = images.clamp(0.0, 1.0)
        boxes = _boxes(moved, images.shape[-2], images.shape[-1])
        return features | {"image": images, "boxes": boxes}

    def _made(self, shape: tuple[int, int, int]) -> tuple[list[Any], list[Any]]:
        height, width, channels = shape
        made: dict[Any, Any] = self.__dict__.setdefault("made", {})
        if shape not in made:
            made[shape] = (
                self.geometry(height, width),
                self.colours(height, width, channels),
            )
        found: tuple[list[Any], list[Any]] = made[shape]
        return found


class SimCLR(ImageView):
    """Random crop and flip, colour distortion, blur: the policy of SimCLR, for images of any size.

    A crop of `area` to 1 of the image, aspect 3/4 to 4/3, resized to the whole, bilinear; flip with
    probability 1/2. With probability 0.8 brightness, contrast and saturation times 1 +- 0.8
    strength and hue +- 0.2 strength, in random order; with 0.2 grey. Grey images have brightness
    and contrast only. Blur with probability `blur`, a Gaussian of deviation 0.1 to 2 in a window of
    a tenth of the side.

    Args:
        strength: of the colours: 1 in the paper for photographs, 0.5 for CIFAR.
        area: smallest part of the image that a crop shows; 0.08 in the paper, 0.2 in MoCo v2
            (whose policy this then is at strength 0.5).
        flip: whether to mirror; False where left and right matter (digits, letters).
        blur: None: 0.5 for images of 64 pixels and more, else 0, as the paper does.

    Source: Chen et al. 2020 (arXiv 2002.05709), appendix A and B.9.

    Example:
        >>> view = SimCLR(strength=0.5)
        >>> view({"image": torch.rand(2, 3, 32, 32)})["boxes"].shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        strength: float = 0.5,
        area: float = 0.2,
        flip: bool = True,
        blur: float | None = None,
    ) -> None:
        super().__init__()
        self.strength = _between("strength", strength, 0.0, 1.25)
        self.area = _between("area", area, 0.0, 1.0)
        self.flip = flip
        self.blur = None if blur is None else _between("blur", blur, 0.0, 1.0)

    def geometry(self, height: int, width: int) -> list[nn.Module]:
        """A crop of `area` to 1, and a flip."""
        return crop_and_flip((height, width), (self.area, 1.0), flip=self.flip)

    def colours(self, height: int, width: int, channels: int) -> list[nn.Module]:
        """Colour distortion, then blur."""
        side = min(height, width)
        blur = (0.5 if side >= 64 else 0.0) if self.blur is None else self.blur
        return distortion(self.strength, channels) + gaussian_blur(side, blur)


class Weak(ImageView):
    """A flip with probability 1/2 and a shift by up to an eighth of the sides.

    Source: FixMatch (arXiv 2001.07685), section 2.3. What the shift uncovers is mirrored.
    """

    def __init__(self, flip: bool = True) -> None:
        super().__init__()
        self.flip = flip

    def geometry(self, height: int, width: int) -> list[nn.Module]:
        """A flip and a shift."""
        K = kornia()
        shift = K.RandomAffine(0.0, translate=(1 / 8, 1 / 8), padding_mode="reflection")
        return ([K.RandomHorizontalFlip()] if self.flip else []) + [shift]


class Strong(SimCLR):
    """SimCLR's policy, stronger, then a few of RandAugment's edits and a hole.

    After crop and flip each image is turned by up to 30 degrees and sheared by up to 17 with
    probability 1/2, solarised with 0.2 and sharpened with 1/2; a hole of 2 to 25 % of it is grey
    with probability 1/2. `boxes` are those of the crop, before turning. Edits that leave nothing to
    see of an image that is dark already (posterise) are not among them.

    Source: RandAugment (arXiv 1909.13719) for the edits, FixMatch (2001.07685) for the hole; which
    edits an image has is drawn for every image, not for the batch.
    """

    def __init__(
        self,
        strength: float = 0.8,
        area: float = 0.2,
        flip: bool = True,
        blur: float | None = None,
    ) -> None:
        super().__init__(strength, area, flip, blur)

    def colours(self, height: int, width: int, channels: int) -> list[nn.Module]:
        """SimCLR's, then the edits."""
        K = kornia()
        return [
            K.RandomAffine(30.0, shear=17.0, p=0.5, padding_mode="reflection"),
            *super().colours(height, width, channels),
            K.RandomSolarize(thresholds=0.1, additions=0.0, p=0.2),
            K.RandomSharpness(0.9, p=0.5),
            K.RandomErasing(scale=(0.02, 0.25), value=0.5, p=0.5),
        ]


def crop_and_flip(
    size: tuple[int, int], area: tuple[float, float], *, flip: bool
) -> list[nn.Module]:
    """A random part of the image, resized to `size`, and a flip."""
    K = kornia()
    # "resample" crops the whole batch at once, "slice" image by image.
    crop = K.RandomResizedCrop(size, scale=area, ratio=(3 / 4, 4 / 3), cropping_mode="resample")
    return [crop, K.RandomHorizontalFlip()] if flip else [crop]


def distortion(strength: float, channels: int) -> list[nn.Module]:
    """Colour jitter and greying; for grey images brightness and contrast."""
    if strength == 0:
        return []
    K = kornia()
    most = 0.8 * strength
    if channels == 3:
        jitter = K.ColorJitter(most, most, most, 0.2 * strength, p=0.8)
        return [jitter, K.RandomGrayscale(p=0.2)]
    return [K.ColorJitter(most, most, 0.0, 0.0, p=0.8)]


def gaussian_blur(side: int, probability: float) -> list[nn.Module]:
    """Blur with a window of about a tenth of the side, at least 3 pixels."""
    if probability == 0:
        return []
    window = max(3, side // 10 // 2 * 2 + 1)
    return [kornia().RandomGaussianBlur((window, window), (0.1, 2.0), p=probability)]


def kornia() -> Any:
    """kornia's augmentations, or one line that says which extra installs them."""
    return optional("kornia.augmentation", "vision")


def _drawn(edit: Any, shape: torch.Size) -> dict[str, Tensor]:
    """The random numbers of an edit for these images, by their places in the whole batch."""
    common: dict[str, Tensor] = {}

    def draw(count: int) -> dict[str, Tensor]:
        found: dict[str, Tensor] = edit.forward_parameters((count, *shape[1:]))
        common.update({name: found.pop(name) for name in _COMMON if name in found})
        return found

    return for_rows(draw, shape[0]) | common | {"forward_input_shape": torch.tensor(shape)}


def _images(features: Features) -> Tensor:
    images = features.get("image")
    if images is None:
        raise InputError(
            f"view: found features {', '.join(features)}; expected 'image': this view is for images"
        )
    return images


def _boxes(moved: Tensor, height: int, width: int) -> Tensor:
    """The view's edges in the original, from the matrices (n, 3, 3) of centres to centres."""
    back = torch.linalg.inv(moved)
    # Centre j of the view is x = a + b j of the original; its edges are -1/2 and width - 1/2, and
    # an edge is half a pixel from a centre.
    b, a = back[:, [0, 1], [0, 1]], back[:, :2, 2]
    size = torch.tensor([width, height], device=moved.device)
    first = a - b / 2 + 0.5
    return torch.cat([first, first + b * size], dim=1)


def _between(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise InputError(f"view option {name}: found {value}; expected {low:g} to {high:g}")
    return value
