"""Texts read as pictures: a strip of pixels in patches, and a vision transformer over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import check_texts, whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.heads import make_head
from dipole.encoders.vit import Layer
from dipole.errors import InputError, optional

# Pixels: the side of a patch, and of a character in Pillow's own bitmap font.
SIDE, WIDTH, HEIGHT = 16, 6, 11
# Of a strip the rows above its characters.
_ABOVE = (SIDE - HEIGHT) // 2


@cache
def glyph(character: str) -> np.ndarray:
    """A character as (16, 6) of 0 and 1, 1 where there is ink; a box if the font has none."""
    found = np.zeros((SIDE, WIDTH), dtype=np.uint8)
    inner = found[_ABOVE : _ABOVE + HEIGHT]
    if character.isspace():
        return found
    try:
        mask = _font().getmask(character)
        inner[:] = np.asarray(mask, dtype=np.uint8).reshape(mask.size[1], mask.size[0]) > 0
    except UnicodeEncodeError:
        inner[[1, -2], :-1] = 1
        inner[1:-1, [0, WIDTH - 2]] = 1
    return found


@cache
def _font() -> Any:
    fonts = optional("PIL.ImageFont", "vision")
    if not hasattr(fonts, "load_default_imagefont"):
        raise InputError("PixelText: found a Pillow without its bitmap font; expected a newer one")
    return fonts.load_default_imagefont()


def rendered(text: str, patches: int) -> np.ndarray:
    """A text as at most `patches` patches of 16 x 16 pixels, (t, 256) of 0 and 1.

    Characters of 6 pixels stand side by side; what is left of the last patch is blank, what does
    not fit is cut off. One patch without ink is the picture of a text without characters.

    Example:
        >>> rendered("a cat", 64).shape, rendered("a cat", 64).max(), rendered("", 64).sum()
        ((2, 256), np.uint8(1), np.uint64(0))
    """
    kept = text[: -(-patches * SIDE // WIDTH)]
    strip = np.concatenate([np.zeros((SIDE, 0), np.uint8), *map(glyph, kept)], axis=1)
    count = min(max(1, -(-strip.shape[1] // SIDE)), patches)
    whole = np.zeros((SIDE, count * SIDE), dtype=np.uint8)
    whole[:, : strip.shape[1]] = strip[:, : count * SIDE]
    return whole.reshape(SIDE, count, SIDE).swapaxes(0, 1).reshape(count, SIDE * SIDE)


class PixelText(Encoder):
    """Text -> a strip of patches -> transformer -> the mean of their tokens, normalised:

        h = norm(mean over the patches of the text),   v = h / |h|;  in training h = MLP(h) before.

    Behind the patches of a text stands a black one, which all can attend to and the mean leaves
    out. A text is drawn in Pillow's bitmap font (Latin-1; other characters are boxes), the same
    pixels every time, so one wrong letter changes one or two patches. The MLP is dropped after the
    training.
    Source: Xiao et al. 2024, Pixel Sentence Representation Learning, arXiv 2402.08183.

    dim, depth, heads: of the transformer. patches: of a text at most; of the rest nothing is read.
    head: width of the MLP of the training; 0: none.

    Example:
        >>> PixelText(dim=32, depth=1).encode(["a cat", "a cet"]).shape
        (2, 32)
    """

    reads = "texts"
    training_defaults = Encoder.training_defaults | {"batch_size": 128, "learning_rate": 3e-4}

    def __init__(
        self, dim: int = 128, depth: int = 4, heads: int = 4, patches: int = 64, head: int = 128
    ) -> None:
        super().__init__()
        sizes = {"dim": dim, "depth": depth, "heads": heads, "patches": patches}
        for name, value in sizes.items():
            whole_number(value, f"PixelText: {name}")
        if dim % heads or dim % 2:
            raise InputError(f"PixelText: dim is {dim}; expected a multiple of 2 and of {heads}")
        check_memory(12 * dim * dim * depth, f"PixelText: dim {dim}, depth {depth}")
        self.dim, self.depth, self.heads, self.patches, self.head = dim, depth, heads, patches, head
        self.embed = nn.Linear(SIDE * SIDE, dim)
        self.layers = nn.ModuleList(MaskedLayer(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.training_head = make_head(dim, {"out": dim, "hidden": head}) if head else None

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """The patches of all texts, (n, t, 256), padded, and how many each has, (n,)."""
        check_texts(inputs, "prepare: inputs")
        strips = [rendered(text, self.patches) for text in inputs]
        lengths = np.array([len(strip) for strip in strips])
        patches = np.zeros((len(strips), lengths.max() + 1, SIDE * SIDE), dtype=np.uint8)
        for row, strip in zip(patches, strips, strict=True):
            row[: len(strip)] = strip
            row[len(strip)] = 1  # the end
        return {"patches": torch.from_numpy(patches), "lengths": torch.from_numpy(lengths)}

    def forward(self, features: Features) -> Tensor:
        """One unit vector per text, (n, dim)."""
        patches, lengths = features["patches"], features["lengths"][:, None]
        numbers = torch.arange(patches.shape[1], device=patches.device)
        there, own = numbers <= lengths, (numbers < lengths)[:, :, None]
        states = self.embed(patches.to(self.embed.weight.dtype)) + self._places(numbers)
        for layer in self.layers:
            states = layer(states, there)
        h = self.norm((states * own).sum(1) / lengths)
        if self.training_head is not None and self.training:
            h = self.training_head(h)
        return nn.functional.normalize(h.float(), dim=-1)

    def _places(self, numbers: Tensor) -> Tensor:
        """[sin wx, cos wx], w = 10000^(-k / K): (t, dim)."""
        steps = torch.arange(self.dim // 2, device=numbers.device)
        angles = numbers[:, None] * 10000.0 ** (-steps / (self.dim // 2))
        return torch.cat([angles.sin(), angles.cos()], 1)

    def settings(self) -> dict[str, Any]:
        """Without the head of the training."""
        return super().settings() | {"head": 0}

    def weights(self) -> dict[str, Tensor]:
        """Without the head of the training."""
        return {k: x for k, x in self.state_dict().items() if not k.startswith("training_head.")}


class MaskedLayer(Layer):
    """A layer of a transformer that sees some of the tokens."""

    def forward(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """(n, t, dim), and which tokens are there, (n, t) -> (n, t, dim)."""
        query, key, value = self._parts(x)
        mask = None if there is None else there[:, None, None]
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.before_mlp(x))
        return out
