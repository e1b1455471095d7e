"""A perceptron on the pixels of small images: the tower that asks least of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Features
from dipole.encoders.image import ImageEncoder, image_shape


class PerceptronImage(ImageEncoder):
    """Pixels -> hidden units with ReLU -> vector: z = unit(W_2 relu(W_1 x + b_1) + b_2).

    x are the pixels as they are, 0 to 1. It knows no places, so its one token is the whole image.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((3, 4, 4), np.uint8)
        >>> PerceptronImage.from_images(images, dim=8).encode(images).shape
        (3, 8)
    """

    def __init__(
        self, *, size: Sequence[int], channels: int, dim: int = 64, hidden: int = 256
    ) -> None:
        whole_number(dim, "PerceptronImage: dim")
        super().__init__(dim, size=size, channels=channels)
        pixels = self.size[0] * self.size[1] * channels
        check_memory((pixels + dim) * hidden, f"PerceptronImage: hidden {hidden}")
        self.hidden = whole_number(hidden, "PerceptronImage: hidden")
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, dim)
        )

    @classmethod
    def from_images(
        cls,
        images: Sequence[Any],
        others: Sequence[Any] | None = None,
        *,
        size: int | Sequence[int] | None = None,
        dim: int = 64,
        hidden: int = 256,
        head: int | dict[str, Any] | None = None,
    ) -> PerceptronImage:
        """A tower for these images (`others`, their partners, are alike), with random weights.

        Args:
            size: pixels that images are pooled to; as they are if None.
            dim, hidden: dimensions of the vectors, and of the layer before.
            head: see `ImageEncoder.fitted`.
        """
        return cls(**image_shape(images, size), dim=dim, hidden=hidden).fitted(images, head)

    from_inputs = from_images

    def maps(self, features: Features) -> Tensor:
        """One place that is the whole image, (n, dim, 1, 1)."""
        found: Tensor = self.layers(features["image"])
        return found[:, :, None, None]

    def settings(self) -> dict[str, Any]:
        """The size of images and layers."""
        return super().settings() | {"dim": self.dim, "hidden": self.hidden}
