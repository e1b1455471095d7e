"""A convolutional net of a few layers: the image tower that trains on one core in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Features
from dipole.encoders.image import ImageEncoder, channels_last, image_shape
from dipole.errors import InputError


class ConvImage(ImageEncoder):
    """Convolutions 3x3, each with group normalisation and ReLU, then the mean over places.

    Layers 1, 3, 5 ... halve the map: an image of 14x14 ends as 4x4, one of 8x8 as 2x2.
    standardised: convolve with every filter less its mean, at length 1 (`StandardisedConv`).

    Shapes: images of `size` -> (n, widths[-1]).

    Example:
        >>> from dipole.data import load_labeled
        >>> images = load_labeled("digits").column("input")
        >>> ConvImage.from_images(images).encode(images[:3]).shape
        (3, 128)
    """

    # On CIFAR-10 at 16 pixels, 6 epochs of 5,000 images: 3e-3 is better than 1e-3 and 1e-2.
    training_defaults: ClassVar[dict[str, Any]] = ImageEncoder.training_defaults | {
        "learning_rate": 3e-3
    }

    def __init__(
        self,
        *,
        size: Sequence[int],
        channels: int,
        widths: Sequence[int] = (32, 64, 64, 128),
        standardised: bool = False,
    ) -> None:
        if not len(widths):
            raise InputError("ConvImage: widths are empty; expected the channels of each layer")
        for width in widths:
            whole_number(width, "ConvImage: widths")
        weights = 9 * sum(a * b for a, b in pairwise(widths))
        check_memory(weights, f"ConvImage: widths {list(widths)}")
        super().__init__(widths[-1], size=size, channels=channels)
        self.widths = list(widths)
        self.standardised = standardised
        convolution = StandardisedConv if standardised else nn.Conv2d
        layers: list[nn.Module] = []
        before = channels
        for number, width in enumerate(widths):
            layers.append(convolution(before, width, 3, 2 - number % 2, padding=1, bias=False))
            layers += [group_norm(width), nn.ReLU(inplace=True)]
            before = width
        self.layers = nn.Sequential(*layers)
        channels_last(self.layers)

    @classmethod
    def from_images(
        cls,
        images: Sequence[Any],
        others: Sequence[Any] | None = None,
        *,
        size: int | Sequence[int] | None = None,
        widths: Sequence[int] = (32, 64, 64, 128),
        standardised: bool = True,
        head: int | dict[str, Any] | None = 128,
    ) -> ConvImage:
        """A tower for these images (`others`, their partners, are alike), with random weights.

        Args:
            size: pixels that images are pooled to; as they are if None.
            widths: channels of each layer; the last is the dimension of the vectors.
            standardised: whether filters are standardised, which learns faster.
            head: see `ImageEncoder.fitted`.
        """
        shape = image_shape(images, size)
        return cls(**shape, widths=widths, standardised=standardised).fitted(images, head)

    from_inputs = from_images

    def maps(self, features: Features) -> Tensor:
        """The last layer's map, (n, dim, rows, columns)."""
        found: Tensor = self.layers(self.normalised(features))
        return found

    def settings(self) -> dict[str, Any]:
        """The size of images and layers."""
        return super().settings() | {"widths": self.widths, "standardised": self.standardised}


class StandardisedConv(nn.Conv2d):
    """A convolution whose filters are standardised: w' = (w - mean(w)) / ||w - mean(w)||.

    The length of a filter then decides nothing, and its gradient has no part along it.
    Source: Qiao et al. 2019, Weight Standardization, arXiv 1903.10520, equation 5, over sqrt(n).
    """

    def forward(self, x: Tensor) -> Tensor:
        """The convolution; bias and the rest as in `nn.Conv2d`."""
        return self._conv_forward(x, self.standardised(), self.bias)

    def standardised(self) -> Tensor:
        """The filters as they are used."""
        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return nn.functional.normalize(w.flatten(1)).view_as(w)


def group_norm(width: int) -> nn.GroupNorm:
    """Group normalisation with about 16 channels in a group (arXiv 1803.08494)."""
    groups = next(g for g in range(max(width // 16, 1), 0, -1) if width % g == 0)
    return nn.GroupNorm(groups, width)
