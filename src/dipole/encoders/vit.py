"""A tiny vision transformer that shows its patch tokens and every layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import STATES, Features
from dipole.encoders.image import ImageEncoder, image_shape
from dipole.errors import InputError
from dipole.kernels.draws import DRAWS, uniform

# Of the boxes of `cropped_positions`: the least share of the grid, and the longest side to the
# other.
LEAST_AREA, LARGEST_RATIO = 0.1, 2.0


class ViTImage(ImageEncoder):
    """Patches -> transformer -> the mean of their tokens.

        h_0 = W patches + p,   h = h + attention(norm(h)),   h = h + mlp(norm(h))   (`depth` times)

    p are fixed sines of the row and the column, so any image whose sides `patch` divides is taken:
    crops of another size too. There is no class token: the vector is the mean over patches.
    Source: Beyer et al. 2022, Better plain ViT baselines for ImageNet-1k (arXiv 2205.01580).

    `cropped_positions`: in training the patches of every image stand in a random box of the grid,
    of 10 to 100 % of its area and with sides of 1:2 to 2:1, as if it were a region of a larger
    image (Kim et al. 2023, RO-ViT, arXiv 2305.07011; there a learnt grid is resized, here the sines
    are taken at the places themselves). It is not saved.

    Shapes: images of `size` -> (n, dim); `tokens` (n, patches, dim).

    Example:
        >>> encoder = ViTImage(size=(8, 8), channels=1, patch=2, dim=64)
        >>> features = encoder.prepare([np.zeros((8, 8), np.uint8)])
        >>> encoder.tokens(features).shape, len(encoder.hidden_states(features, layer=2))
        (torch.Size([1, 16, 64]), 3)
    """

    shows = STATES

    def __init__(
        self,
        *,
        size: Sequence[int],
        channels: int,
        patch: int | None = None,
        dim: int = 64,
        depth: int = 4,
        heads: int = 2,
        cropped_positions: bool = False,
    ) -> None:
        for name, value in {"dim": dim, "depth": depth, "heads": heads}.items():
            whole_number(value, f"ViTImage: {name}")
        if patch is not None:
            whole_number(patch, "ViTImage: patch")
        # A layer has 12 dim^2 weights and some more.
        check_memory(12 * dim * dim * depth, f"ViTImage: dim {dim}, depth {depth}")
        super().__init__(dim, size=size, channels=channels)
        # 49 or 64 patches for images of 14, 16, 28 and 32 pixels.
        self.patch = patch or max(2, min(size) // 7 if min(size) % 7 == 0 else min(size) // 8)
        if dim % heads or dim % 4:
            raise InputError(f"ViTImage: dim is {dim}; expected a multiple of 4 and of {heads}")
        self.heads = heads
        self.cropped_positions = cropped_positions
        self.embed = nn.Conv2d(channels, dim, self.patch, self.patch)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self._grid(self.size)

    @classmethod
    def from_images(
        cls,
        images: Sequence[Any],
        others: Sequence[Any] | None = None,
        *,
        size: int | Sequence[int] | None = None,
        patch: int | None = None,
        dim: int = 64,
        depth: int = 4,
        heads: int = 2,
        head: int | dict[str, Any] | None = 128,
        cropped_positions: bool = False,
    ) -> ViTImage:
        """A tower for these images (`others`, their partners, are alike), with random weights.

        Args:
            size: pixels that images are pooled to; as they are if None.
            patch: pixels of a patch's side; None: a seventh or eighth of the image's.
            dim, depth, heads: of the transformer.
            head: see `ImageEncoder.fitted`.
            cropped_positions: see the class.
        """
        shape = image_shape(images, size)
        encoder = cls(
            **shape,
            patch=patch,
            dim=dim,
            depth=depth,
            heads=heads,
            cropped_positions=cropped_positions,
        )
        return encoder.fitted(images, head)

    from_inputs = from_images

    def keyed(self, features: Features, keys: Tensor) -> Features:
        """With the numbers that decide where the patches of an image stand."""
        return features | {DRAWS: keys} if self.cropped_positions else features

    def hidden_states(self, features: Features, layer: int | None = None) -> list[Tensor]:
        """h_0 ... h_layer, each (n, patches, dim); layers above `layer` (all if None) do not run.

        The last one is not normalised: `norm` of h_depth are the `tokens`.
        """
        last = len(self.layers) if layer is None else layer
        if not 0 <= last <= len(self.layers):
            raise InputError(f"layer: found {layer}; expected 0 to {len(self.layers)}")
        patches = self.embed(self.normalised(features))
        boxes = None
        if self.cropped_positions and self.training:
            boxes = _boxes(features.get(DRAWS), len(patches), patches.device)
        places = _sines(patches.shape[2], patches.shape[3], self.dim, patches.device, boxes)
        states = [patches.flatten(2).transpose(1, 2) + places]
        for block in self.layers[:last]:
            states.append(block(states[-1]))
        return states

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """As every image tower, and the states and attention of every layer."""
        states = self.hidden_states(features)
        tokens = self.norm(states[-1])
        there = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        found = {"vectors": self._finished(tokens.mean(1)), "tokens": tokens, "mask": there}
        if "hidden" in names:
            found["hidden"] = torch.stack(states, 1)
        if "attention" in names:
            layers = list(zip(self.layers, states[:-1], strict=True))
            found["attention"] = torch.stack([layer.attention(x) for layer, x in layers], 1)  # type: ignore[operator]
        return found

    def tokens(self, features: Features) -> Tensor:
        """The patches' tokens of the last layer, row by row: (n, patches, dim)."""
        found: Tensor = self.norm(self.hidden_states(features)[-1])
        return found

    def maps(self, features: Features) -> Tensor:
        """The tokens where their patches are, (n, dim, rows, columns)."""
        tokens = self.tokens(features)
        height, width = features["image"].shape[2:]
        return tokens.transpose(1, 2).unflatten(2, self._grid((height, width)))

    def settings(self) -> dict[str, Any]:
        """The size of images and of the transformer."""
        return super().settings() | {
            "patch": self.patch,
            "dim": self.dim,
            "depth": len(self.layers),
            "heads": self.heads,
        }

    def _grid(self, size: tuple[int, int]) -> tuple[int, int]:
        if size[0] % self.patch or size[1] % self.patch:
            raise InputError(
                f"patch: found {self.patch} for images of {size[0]}x{size[1]} pixels; expected a "
                "number that divides both sides"
            )
        return size[0] // self.patch, size[1] // self.patch


class Layer(nn.Module):
    """One layer of a transformer, normalised before its parts."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(dim)
        self.parts = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.before_mlp = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def attention(self, x: Tensor) -> Tensor:
        """What the tokens attend to: (n, heads, tokens, tokens), rows that sum to 1."""
        query, key, _ = self._parts(x)
        weights: Tensor = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)
        return weights

    def _parts(self, x: Tensor) -> Tensor:
        """Query, key and value, (3, n, heads, tokens, dim of a head)."""
        parts: Tensor = self.parts(self.before_attention(x)).unflatten(2, (3, self.heads, -1))
        return parts.permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, dim) -> the same."""
        query, key, value = self._parts(x)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.before_mlp(x))
        return out


def _sines(
    rows: int, columns: int, dim: int, device: torch.device, boxes: Tensor | None = None
) -> Tensor:
    """[sin wy, cos wy, sin wx, cos wx] with w = 10000^(-k / K), k = 0 ... K - 1: (places, dim).

    boxes (n, 4), shares of the grid (top, left, height, width): (n, places, dim), the places where
    the grid's cells come to lie when it is fitted into each box.
    """
    steps = torch.arange(dim // 4, device=device) / max(dim // 4 - 1, 1)
    rates = 10000.0**-steps
    y = torch.arange(rows, device=device)
    x = torch.arange(columns, device=device)
    if boxes is not None:
        top, left, height, width = boxes.unsqueeze(-1).unbind(1)
        y = (top + (y + 0.5) / rows * height) * rows - 0.5  # (n, rows)
        x = (left + (x + 0.5) / columns * width) * columns - 0.5
    y = (y[..., :, None, None] * rates).expand(*y.shape, columns, -1)
    x = (x[..., None, :, None] * rates).expand(*x.shape[:-1], rows, columns, -1)
    return torch.cat([y.sin(), y.cos(), x.sin(), x.cos()], dim=-1).flatten(-3, -2)


def _boxes(keys: Tensor | None, count: int, device: torch.device) -> Tensor:
    """A random box of the unit square for every image (n, 4): top, left, height, width."""
    drawn = (
        torch.rand(count, 4, dtype=torch.float64, device=device)
        if keys is None
        else uniform(keys, 4)
    )
    area = LEAST_AREA + (1 - LEAST_AREA) * drawn[:, 0]
    ratio = torch.exp(math.log(LARGEST_RATIO) * (2 * drawn[:, 1] - 1))
    sides = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp(max=1)
    corner = drawn[:, 2:] * (1 - sides)
    return torch.cat([corner, sides], 1).float()
