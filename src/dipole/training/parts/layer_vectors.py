"""Vectors of an inner layer in the place of the tower's own, for a contrast below the last one."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor

from dipole.declared import Range
from dipole.encoders.pooling import pool
from dipole.errors import InputError
from dipole.training.parts.base import Part, Setup


class LayerVectors(Part):
    """The states of both texts of a pair after `layer` (0: the embeddings), pooled, as `anchor` and
    `positive`.

    They shape the loss; what the encoder gives after the training stays its own. For a tower that
    shows its layers: a transformer, a language model (`--encoder lm:FOLDER`).

    Example:
        >>> LayerVectors(layer=1, pooling="last").settings()
        {'layer': 1, 'pooling': 'last'}
    """

    takes = ("anchor", "positive")
    may_take = ("anchor_hidden", "anchor_mask", "positive_hidden", "positive_mask")
    gives = ("anchor", "positive")

    layer: Annotated[int, Range(0)]
    pooling: Literal["mean", "cls", "last"] = "mean"

    def bind(self, setup: Setup) -> None:
        if "hidden" not in setup.encoder.shows:
            raise InputError(
                f"layer vectors: found {type(setup.encoder).__name__}; expected a tower that shows "
                "its layers: --encoder lm:FOLDER, or the folder of a transformer"
            )

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        made = {}
        for name in self.takes:
            states = batch[f"{name}_hidden"]
            if self.layer >= states.shape[1]:
                raise InputError(
                    f"layer vectors: found layer {self.layer}; expected 0 to "
                    f"{states.shape[1] - 1}, as the encoder has"
                )
            made[name] = pool(states[:, self.layer], batch[f"{name}_mask"], self.pooling)
        return batch | made
