"""The first layers of all-MiniLM-L6-v2 with a head of words, for claims that hide or rebuild words.

The model has lost the head that it was pretrained with: this one starts from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dipole.data import Examples
from dipole.data.fingerprint import fingerprint
from dipole.encoders.base import Encoder
from dipole.encoders.masked_text import MaskedText
from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.minilm import SMALL, FirstLayers
from dipole.studies.benches.training import trained

HERE = "dipole.studies.benches.masked"
# Of a training: the embeddings stay, which words are told by, and texts are cut at 16 tokens.
SETTINGS: dict[str, Any] = SMALL | {
    "encoder": f"{HERE}:FirstMasked",
    "encoder_options": {"layers": 2, "max_length": 16, "normalize": False},
    "locked": ["transformer.embeddings"], "max_steps": 40,
}  # fmt: skip
REGIME = (
    "the paper's encoder is a pretrained masked language model; here it is the first two layers of"
    " all-MiniLM-L6-v2, mean pooled, with a new head of words, its embeddings frozen, 40 batches"
    " of 32 texts of 16 tokens at most."
)
# A generator of words for the sentences of a training, and the most batches of its own.
GENERATOR, STEPS = f"{HERE}:generator", 150


class FirstMasked(Encoder):
    """The first layers, mean pooled, with a head of words."""

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        layers: int = 2,
        max_length: int = 24,
        normalize: bool = True,
    ) -> MaskedText:
        """The encoder, whatever the inputs."""
        base = FirstLayers.from_inputs(layers=layers, max_length=max_length)
        assert isinstance(base, TransformerText)
        base.normalize = normalize
        return MaskedText.over(base)


_TRAINED: dict[str, MaskedText] = {}


def generator(examples: Examples) -> MaskedText:
    """The same layers after an epoch on hidden words of these texts, of 150 batches at most; a
    process trains it once."""
    key = str(fingerprint(examples)["digest"])
    if key not in _TRAINED:
        more = {"learning_rate": 5e-4, "schedule": "linear"}
        made = trained(
            examples,
            view=["same"],
            objective="dipole.systems.text.clear:Masked",
            parts=[{"dipole.training.parts.masked_columns:MaskedColumns": {"shared": True}}],
            seed=0,
            **SETTINGS | more | {"max_steps": min(STEPS, max(1, len(examples) // 32))},
        )
        assert isinstance(made, MaskedText)
        _TRAINED[key] = made
    return _TRAINED[key]
