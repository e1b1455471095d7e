"""What every image tower is: uint8 arrays -> a map of vectors -> one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import described, modality, whole_number
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.heads import ExpertsHead, ProjectionHead, make_head
from dipole.errors import InputError
from dipole.showing import short

# Images that mean and deviation are counted on, at most, evenly spread.
_COUNTED = 10_000


class ImageEncoder(Encoder):
    """Image -> norm(mean over places of maps(image)); a subclass writes `maps`.

    `prepare` pools images by area to `size`, so a tower may train on smaller images than the data
    holds, and gives `{"image": (n, channels, h, w)}` with values in 0..1, which views change.
    The tower subtracts `mean` and divides by `std` (per channel, of the training data) itself.

    No layer looks across the batch (group and layer normalisation, never batch normalisation), so
    a vector does not depend on its batch, and pieces of a batch give exactly the same gradient.

    `head` is applied in training mode only, between pooling and normalisation, and is not saved.
    Source: SimCLR, arXiv 2002.05709, section 4.2.
    """

    reads: ClassVar[str] = "images (uint8 arrays)"
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "batch_size": 128,
        "epochs": 20.0,
        "learning_rate": 1e-3,
        "schedule": "cosine",
    }
    shows: tuple[str, ...] = ("tokens", "mask")
    mean: Tensor
    std: Tensor

    def __init__(self, dim: int, *, size: Sequence[int], channels: int) -> None:
        super().__init__()
        self.dim = dim
        if not isinstance(size, (list, tuple)) or len(size) != 2:
            raise InputError(f"size: found {short(size)}; expected [height, width]")
        self.size = (whole_number(size[0], "size"), whole_number(size[1], "size"))
        self.channels = whole_number(channels, "channels")
        self.head: ProjectionHead | ExpertsHead | None = None
        self.register_buffer("mean", torch.full((channels, 1, 1), 0.5))
        self.register_buffer("std", torch.full((channels, 1, 1), 0.25))

    @classmethod
    def beside(cls, dim: int | None) -> dict[str, Any]:
        """Without a head: what the other towers meet is what is saved."""
        return {"head": None}

    def fitted(self, images: Sequence[Any], head: int | dict[str, Any] | None) -> Self:
        """This tower with mean and deviation of these images and a head for training.

        head: its output's size, the arguments of a `ProjectionHead`, or 0 or None for none.
        """
        spread_evenly = range(0, len(images), -(-len(images) // _COUNTED))
        values = self.prepare([images[i] for i in spread_evenly])["image"]
        self.mean.copy_(values.mean((0, 2, 3))[:, None, None])
        spread = values.std((0, 2, 3))[:, None, None]
        self.std.copy_(spread.masked_fill(spread == 0, 1.0))  # a channel that never varies
        if head:
            self.head = make_head(self.dim, head, hidden=self.dim)
        return self

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is an image as an array."""
        return modality(value) == "image"

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be images as arrays."""
        for place, image in enumerate(inputs):
            checked_image(image, f"encode: inputs[{place}]")

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Images (h, w) or (h, w, c), uint8, of one size, as {"image": (n, c, h, w)} in 0..1."""
        images = torch.from_numpy(_stacked(inputs, self.channels, self.size)).permute(0, 3, 1, 2)
        values = images.float().div_(255.0)
        if tuple(values.shape[2:]) != self.size:
            values = nn.functional.interpolate(values, self.size, mode="area")
        return {"image": values.contiguous()}

    def maps(self, features: Features) -> Tensor:
        """A vector at every place, (n, dim, rows, columns); not normalised."""
        raise NotImplementedError

    def tokens(self, features: Features) -> Tensor:
        """`maps` as a sequence, row by row: (n, places, dim)."""
        return self.maps(features).flatten(2).transpose(1, 2)

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors and the tokens they are the mean of; every place is there."""
        tokens = self.tokens(features)
        there = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return {"vectors": self._finished(tokens.mean(1)), "tokens": tokens, "mask": there}

    def forward(self, features: Features) -> Tensor:
        """Unit vectors (n, dim); in training mode through the head, if there is one."""
        return self._finished(self.maps(features).mean((2, 3)))

    def _finished(self, vectors: Tensor) -> Tensor:
        if self.head is not None and self.training:
            vectors = self.head(vectors).float()
        return nn.functional.normalize(vectors, dim=-1)

    def normalised(self, features: Features) -> Tensor:
        """(image - mean) / std, channels last in memory: a fourth faster on a CPU."""
        images = (features["image"] - self.mean) / self.std
        return images.contiguous(memory_format=torch.channels_last)

    def lengths(self, inputs: Sequence[Any]) -> np.ndarray:
        """Every image costs the same."""
        return np.ones(len(inputs), dtype=np.int64)

    def default_budget(self) -> int:
        """Images in one batch of `encode`."""
        return 256

    def settings(self) -> dict[str, Any]:
        """The class, the size of its images, and what a subclass adds."""
        return {
            "encoder": type(self).__name__,
            "size": list(self.size),
            "channels": self.channels,
        }

    def weights(self) -> dict[str, Tensor]:
        """All tensors, mean and deviation among them; not the head's."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("head.")}


def channels_last(module: nn.Module) -> None:
    """Keep a module's kernels as `normalised` keeps images."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def image_shape(images: Sequence[Any], size: int | Sequence[int] | None) -> dict[str, Any]:
    """`size` and `channels` of a tower for these images; an int is the height and the width."""
    if not len(images):
        raise InputError("an image encoder: found no images; expected some to learn from")
    first = checked_image(images[0], "images[0]")
    wanted = (size, size) if isinstance(size, int) else tuple(size or first.shape[:2])
    if len(wanted) != 2 or min(wanted) < 1 or any(np.greater(wanted, first.shape[:2])):
        raise InputError(
            f"size: found {size} for images of {first.shape[0]}x{first.shape[1]} pixels; expected "
            "a whole number, or [height, width], at most theirs"
        )
    return {"size": wanted, "channels": 1 if first.ndim == 2 else first.shape[2]}


def checked_image(image: Any, what: str) -> np.ndarray:
    """The image, if it is one as an array; `what` names it in the error."""
    if modality(image) != "image":
        raise InputError(
            f"{what} is {described(image)}; expected an image as a uint8 array, (height, width) or "
            "(height, width, channels)"
        )
    return cast(np.ndarray, image)


def _stacked(inputs: Sequence[Any], channels: int, size: tuple[int, int]) -> np.ndarray:
    """(n, h, w, channels) uint8, or an error that says which image differs."""
    if not len(inputs):
        return np.zeros((0, *size, channels), np.uint8)
    images = [checked_image(image, f"inputs[{place}]") for place, image in enumerate(inputs)]
    shape = images[0].shape
    for number, image in enumerate(images):
        if image.shape != shape:
            raise InputError(
                f"image {number}: found {image.shape}; expected {shape}, as the first of the batch"
            )
    found = 1 if len(shape) == 2 else shape[2]
    if found != channels or shape[0] < size[0] or shape[1] < size[1]:
        raise InputError(
            f"image: found {shape[0]}x{shape[1]} pixels in {found} channels; expected at least "
            f"{size[0]}x{size[1]} in {channels}"
        )
    return np.stack(images).reshape(len(images), *shape[:2], channels)
