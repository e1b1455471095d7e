"""A small residual net for images of 8 to 64 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Features
from dipole.encoders.conv import group_norm
from dipole.encoders.image import ImageEncoder, channels_last, image_shape


class ResNetImage(ImageEncoder):
    """A residual net of three stages; stage s has `blocks` blocks of width 2^s `width`.

        block(x) = relu(F(x) + x),  F = norm conv3x3 relu norm conv3x3

    The first convolution keeps the size, stages 2 and 3 halve it: 32x32 ends as 8x8, 8x8 as 2x2.
    A block that changes the shape puts a 1x1 convolution into its shortcut. The last norm of a
    block starts at zero, so that a block begins as its shortcut.
    Source: He et al. 2015 (arXiv 1512.03385), section 4.2, with group normalisation.

    Shapes: images of `size` -> (n, 4 width).
    """

    def __init__(
        self, *, size: Sequence[int], channels: int, width: int = 32, blocks: int = 1
    ) -> None:
        whole_number(width, "ResNetImage: width")
        whole_number(blocks, "ResNetImage: blocks")
        # Of a block of the last stage alone, two convolutions.
        check_memory(2 * 9 * (4 * width) ** 2 * blocks, f"ResNetImage: width {width}")
        super().__init__(4 * width, size=size, channels=channels)
        self.width = width
        self.blocks = blocks
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            group_norm(width),
            nn.ReLU(inplace=True),
        ]
        before = width
        for stage in range(3):
            for block in range(blocks):
                after = width * 2**stage
                layers.append(Block(before, after, stride=2 if stage and not block else 1))
                before = after
        self.layers = nn.Sequential(*layers)
        channels_last(self.layers)

    @classmethod
    def from_images(
        cls,
        images: Sequence[Any],
        others: Sequence[Any] | None = None,
        *,
        size: int | Sequence[int] | None = None,
        width: int = 32,
        blocks: int = 1,
        head: int | dict[str, Any] | None = 128,
    ) -> ResNetImage:
        """A tower for these images (`others`, their partners, are alike), with random weights.

        Args:
            size: pixels that images are pooled to; as they are if None.
            width: channels of the first stage.
            blocks: blocks in a stage; 3 is the depth of ResNet-20.
            head: see `ImageEncoder.fitted`.
        """
        encoder = cls(**image_shape(images, size), width=width, blocks=blocks)
        return encoder.fitted(images, head)

    from_inputs = from_images

    def maps(self, features: Features) -> Tensor:
        """The last stage's map, (n, dim, rows, columns)."""
        found: Tensor = self.layers(self.normalised(features))
        return found

    def settings(self) -> dict[str, Any]:
        """The size of images and stages."""
        return super().settings() | {"width": self.width, "blocks": self.blocks}


class Block(nn.Module):
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            group_norm(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            group_norm(after),
        )
        nn.init.zeros_(self.inner[-1].weight)  # type: ignore[arg-type]
        self.shortcut = (
            nn.Identity()
            if stride == 1 and before == after
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), group_norm(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.inner(x) + self.shortcut(x))
