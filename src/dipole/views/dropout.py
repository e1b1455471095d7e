"""Views of a text that differ in how much the encoder drops."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dipole.errors import InputError
from dipole.kernels.draws import again
from dipole.views.base import Features, View

# The feature by which this view says what an encoder of texts is to drop: (n, 1).
DROPOUT = "dropout"
# Features with a row for each text, of which encoders of texts have one.
_OF_TEXTS = ("attention_mask", "offsets")


class DropoutRates(View):
    """The input once for each rate, encoded with that share dropped.

    In a transformer it is the dropout of every layer: of embeddings, attention and outputs; in a
    bag of words, the share of tokens that are left out. Rate 0 is the text as it is used later.

    Source: Sedghamiz et al. 2021, SupCL-Seq (arXiv 2109.07424); rates 0.1, 0, 0.05 and 0.2.

    Example:
        >>> views = DropoutRates([0.1, 0.0])({"attention_mask": torch.ones(2, 3)})
        >>> [view["dropout"].flatten().tolist() for view in views]
        [[0.1, 0.1], [0.0, 0.0]]
    """

    def __init__(self, rates: list[float] | None = None) -> None:
        super().__init__()
        self.rates: Sequence[float] = [0.1, 0.0, 0.05, 0.2] if rates is None else rates
        if not self.rates or not all(0 <= rate < 1 for rate in self.rates):
            raise InputError(
                f"view option rates: found {self.rates}; expected a list of numbers from 0 up to "
                "below 1"
            )
        self.count = len(self.rates)

    def forward(self, features: Features) -> list[Features]:
        """The features with "dropout" for each rate, and with draws of their own."""
        first = next((features[name] for name in _OF_TEXTS if name in features), None)
        if first is None:
            raise InputError(
                f"view DropoutRates: found features {', '.join(features)}; expected those of an"
                " encoder of texts"
            )
        told = first.new_ones(len(first), 1, dtype=torch.float64)
        return [
            again(features, number) | {DROPOUT: rate * told}
            for number, rate in enumerate(self.rates)
        ]
