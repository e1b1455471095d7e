"""A convolutional net of a few layers: the image tower that trains on one core in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Features
from dipole.encoders.image import ImageEncoder, channels_last, image_shape
from dipole.errors import InputError


class ConvImage(ImageEncoder):
    """Convolutions 3x3, each with group normalisation and ReLU, then the mean over places.

    Layers 1, 3, 5 ... halve the map: an image of 14x14 ends as 4x4, one of 8x8 as 2x2.

    Shapes: images of `size` -> (n, widths[-1]).

    Example:
        >>> from dipole.data import load_labeled
        >>> images = load_labeled("digits").column("input")
        >>> ConvImage.from_images(images).encode(images[:3]).shape
        (3, 128)
    """

    def __init__(
        self, *, size: Sequence[int], channels: int, widths: Sequence[int] = (32, 64, 64, 128)
    ) -> None:
        if not len(widths):
            raise InputError("ConvImage: widths are empty; expected the channels of each layer")
        for width in widths:
            whole_number(width, "ConvImage: widths")
        weights = 9 * sum(a * b for a, b in pairwise(widths))
        check_memory(weights, f"ConvImage: widths {list(widths)}")
        super().__init__(widths[-1], size=size, channels=channels)
        self.widths = list(widths)
        layers: list[nn.Module] = []
        before = channels
        for number, width in enumerate(widths):
            layers.append(nn.Conv2d(before, width, 3, 2 - number % 2, padding=1, bias=False))
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
        head: int | dict[str, Any] | None = 128,
    ) -> ConvImage:
        """A tower for these images (`others`, their partners, are alike), with random weights.

        Args:
            size: pixels that images are pooled to; as they are if None.
            widths: channels of each layer; the last is the dimension of the vectors.
            head: see `ImageEncoder.fitted`.
        """
        return cls(**image_shape(images, size), widths=widths).fitted(images, head)

    from_inputs = from_images

    def maps(self, features: Features) -> Tensor:
        """The last layer's map, (n, dim, rows, columns)."""
        found: Tensor = self.layers(self.normalised(features))
        return found

    def settings(self) -> dict[str, Any]:
        """The size of images and layers."""
        return super().settings() | {"widths": self.widths}


def group_norm(width: int) -> nn.GroupNorm:
    """Group normalisation with about 16 channels in a group (arXiv 1803.08494)."""
    groups = next(g for g in range(max(width // 16, 1), 0, -1) if width % g == 0)
    return nn.GroupNorm(groups, width)
