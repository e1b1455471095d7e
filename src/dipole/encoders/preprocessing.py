"""Images of any size as the pixels that a pretrained model was trained on."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.encoders.folder import require
from dipole.encoders.transformers_io import first_line, quiet
from dipole.errors import InputError, optional

# The second is of a processor of images and texts.
FILES = ("preprocessor_config.json", "processor_config.json")
# What a processor's settings say that changes no pixel.
_NOT_A_SETTING = {"image_processor_type", "processor_class", "_processor_class", "data_format"}


class Preprocessing:
    """Resize and crop as `preprocessor_config.json` of a folder says, with Pillow.

    The result has values in 0..1; `mean` and `std`, (3,), are what the model was trained with and
    are left to the tower, so that views see images. Pillow is used although torchvision may be
    there: vectors do not depend on what else is installed.

    Shapes: n images (h, w, 3), uint8, of any sizes -> (n, 3, *size) float32.

    Raises:
        InputError: no such file; a processor that gives images of different sizes, or that scales
            values otherwise than to 0..1.
    """

    def __init__(self, processor: Any, path: Path) -> None:
        self.processor, self.path = processor, path
        factor = getattr(processor, "rescale_factor", 1 / 255)
        if not getattr(processor, "do_rescale", True) or abs(factor * 255 - 1) > 1e-6:
            raise InputError(f"{path}: values are multiplied by {factor}; expected 1/255")
        wide, high = (self([np.zeros(s, np.uint8)]).shape[2:] for s in [(40, 60, 3), (60, 40, 3)])
        if wide != high:
            raise InputError(
                f"{path}: found no crop, so that images keep their shapes; expected a crop_size, or"
                " a size with height and width"
            )
        self.size = (int(wide[0]), int(wide[1]))
        normalises = bool(getattr(processor, "do_normalize", False))
        self.mean = torch.tensor(processor.image_mean if normalises else [0.0] * 3)
        self.std = torch.tensor(processor.image_std if normalises else [1.0] * 3)

    @classmethod
    def read(cls, folder: Path) -> Preprocessing:
        """That of a folder of transformers."""
        transformers = optional("transformers", "text")
        optional("PIL", "vision")
        path = require(folder, *FILES)
        with quiet():
            try:
                processor = transformers.AutoImageProcessor.from_pretrained(
                    folder, local_files_only=True, backend="pil"
                )
            except Exception as error:  # a file may be wrong in any way
                raise InputError(f"{path}: no image processor ({first_line(error)})") from None
        return cls(processor, path)

    def __call__(self, images: Sequence[np.ndarray]) -> Tensor:
        try:
            found = self.processor(
                list(images),
                return_tensors="pt",
                do_normalize=False,
                input_data_format="channels_last",
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"{self.path}: {first_line(error)}") from None
        pixels: Tensor = found["pixel_values"].float()
        return pixels

    def to(self, size: tuple[int, int]) -> Preprocessing:
        """The same to another size: everything before the crop grows or shrinks with it."""
        processor = copy.deepcopy(self.processor)
        before, share = dict(processor.size), size[0] / self.size[0]
        processor.size = (
            {"height": size[0], "width": size[1]}
            if {"height", "width"} <= {k for k, v in before.items() if v}
            else {name: round(value * share) for name, value in before.items() if value}
        )
        if getattr(processor, "crop_size", None):
            processor.crop_size = {"height": size[0], "width": size[1]}
        return Preprocessing(processor, self.path)

    def save(self, folder: Path) -> None:
        """Write the file that `read` reads."""
        with quiet():
            self.processor.save_pretrained(folder)

    def settings(self) -> dict[str, Any]:
        """What decides the pixels, as json."""
        settings: Mapping[str, Any] = self.processor.to_dict()
        return {k: v for k, v in sorted(settings.items()) if k not in _NOT_A_SETTING}
