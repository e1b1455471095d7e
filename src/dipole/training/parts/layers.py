"""A shallow layer of the tower, drawn for every step, from the same pass as the deep one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from dipole.encoders.base import Features
from dipole.errors import InputError
from dipole.objectives.dimensions.matryoshka import SHALLOW
from dipole.training.parts.base import Part, Setup


class Layers(Part):
    """Gives every vector a companion NAME_shallow, of layer m uniform in 1 ... layers - 1.

    The same m on every process; a counter in the checkpoint makes it the same after a resume.
    Source: Li et al. 2024, 2D Matryoshka Sentence Embeddings, arXiv 2402.14776.
    """

    # It splits what the encoder gives: all other parts stand behind it.
    gives = (*SHALLOW, *(f"{name}_shallow" for name in SHALLOW))

    def __post_init__(self) -> None:
        self.steps: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return "anchor_shallow" in inputs

    def bind(self, setup: Setup) -> None:
        self.count, self.seed = setup.encoder.shallow_layers(), setup.seed
        if not self.count:
            raise InputError(
                f"layers: found {type(setup.encoder).__name__} with no layer below its last to "
                "show; expected a transformer of 2 layers or more"
            )
        self._encoder = [setup.encoder]  # in a list: its weights are not this module's

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + int(self.steps))
        layer = int(torch.randint(1, self.count + 1, (), generator=generator))
        (encoder,) = self._encoder
        encoder.shallow = layer
        return {}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        found = dict(batch)
        for name in SHALLOW:  # a teacher's vectors have no companion
            if name in batch and batch[name].shape[-1] == batch["anchor"].shape[-1]:
                found[name], found[f"{name}_shallow"] = batch[name].chunk(2, dim=-1)
        return found

    def after_step(self) -> None:
        # Not before: the gradient cache encodes again in the backward.
        (encoder,) = self._encoder
        encoder.shallow = None
        self.steps += 1
