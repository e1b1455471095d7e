"""A tiny vision transformer that shows its patch tokens and every layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import OUTPUTS, Features
from dipole.encoders.image import ImageEncoder, image_shape
from dipole.errors import InputError


class ViTImage(ImageEncoder):
    """Patches -> transformer -> the mean of their tokens.

        h_0 = W patches + p,   h = h + attention(norm(h)),   h = h + mlp(norm(h))   (`depth` times)

    p are fixed sines of the row and the column, so any image whose sides `patch` divides is taken:
    crops of another size too. There is no class token: the vector is the mean over patches.
    Source: Beyer et al. 2022, Better plain ViT baselines for ImageNet-1k (arXiv 2205.01580).

    Shapes: images of `size` -> (n, dim); `tokens` (n, patches, dim).

    Example:
        >>> encoder = ViTImage(size=(8, 8), channels=1, patch=2, dim=64)
        >>> features = encoder.prepare([np.zeros((8, 8), np.uint8)])
        >>> encoder.tokens(features).shape, len(encoder.hidden_states(features, layer=2))
        (torch.Size([1, 16, 64]), 3)
    """

    shows = OUTPUTS

    def __init__(
        self,
        *,
        size: Sequence[int],
        channels: int,
        patch: int | None = None,
        dim: int = 64,
        depth: int = 4,
        heads: int = 2,
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
    ) -> ViTImage:
        """A tower for these images (`others`, their partners, are alike), with random weights.

        Args:
            size: pixels that images are pooled to; as they are if None.
            patch: pixels of a patch's side; None: a seventh or eighth of the image's.
            dim, depth, heads: of the transformer.
            head: see `ImageEncoder.fitted`.
        """
        shape = image_shape(images, size)
        encoder = cls(**shape, patch=patch, dim=dim, depth=depth, heads=heads)
        return encoder.fitted(images, head)

    from_inputs = from_images

    def hidden_states(self, features: Features, layer: int | None = None) -> list[Tensor]:
        """h_0 ... h_layer, each (n, patches, dim); layers above `layer` (all if None) do not run.

        The last one is not normalised: `norm` of h_depth are the `tokens`.
        """
        last = len(self.layers) if layer is None else layer
        if not 0 <= last <= len(self.layers):
            raise InputError(f"layer: found {layer}; expected 0 to {len(self.layers)}")
        patches = self.embed(self.normalised(features))
        places = _sines(patches.shape[2], patches.shape[3], self.dim, patches.device)
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


def _sines(rows: int, columns: int, dim: int, device: torch.device) -> Tensor:
    """[sin wy, cos wy, sin wx, cos wx] with w = 10000^(-k / K), k = 0 ... K - 1: (places, dim)."""
    steps = torch.arange(dim // 4, device=device) / max(dim // 4 - 1, 1)
    rates = 10000.0**-steps
    y = torch.arange(rows, device=device)[:, None, None] * rates
    x = torch.arange(columns, device=device)[None, :, None] * rates
    y, x = y.expand(rows, columns, -1), x.expand(rows, columns, -1)
    return torch.cat([y.sin(), y.cos(), x.sin(), x.cos()], dim=-1).flatten(0, 1)
