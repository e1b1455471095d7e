"""Views of tokenised texts."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels.draws import for_rows, uniform
from dipole.views.base import Features, View, check_rate

# Features by which a view of tokens says what is done to the embeddings: see
# `encoders.embedding_cuts`, which does it.
PLACES, TOKENS, SEED, RATE = "places", "token_kept", "feature_seed", "feature_rate"


class TokenView(View):
    """A rendering of the features of a transformer, "input_ids" and "attention_mask" (n, t), as
    `TransformerText.prepare` makes them; a subclass writes `forward`."""

    def mask_of(self, features: Features) -> Tensor:
        """Which tokens are real, (n, t)."""
        if "attention_mask" not in features:
            raise InputError(
                f"view {self.name}: found features {', '.join(features)}; expected "
                "'attention_mask': this view is for transformers"
            )
        return features["attention_mask"]

    def seeds(self, features: Features) -> Tensor:
        """A number for every row, the same on any number of processes, (n,)."""
        mask = self.mask_of(features)
        drawn = for_rows(lambda rows: {"seeds": torch.randint(2**62, (rows,))}, len(mask))
        return drawn["seeds"].to(mask.device)

    name: str = ""


class TokenCutoff(TokenView):
    """round(rate m) of a text's m inner tokens are hidden from attention and from pooling.

    The first and the last token of a text ([CLS] and [SEP] of BERT) stay, and every token keeps
    its position. With `zero` their embeddings are zero instead, behind their normalisation, as
    ConSERT has it: they still take a share of attention; hidden, they take none.

    Source: ConSERT (arXiv 2105.11741), section 3.2, token cutoff; rate 0.15.
    """

    name = "token-cutoff"

    def __init__(self, rate: float = 0.15, zero: bool = False) -> None:
        super().__init__()
        self.rate, self.zero = check_rate(rate), zero

    def forward(self, features: Features) -> Features:
        """The features with fewer ones in "attention_mask", or with "token_kept"."""
        mask = self.mask_of(features)
        place = torch.arange(mask.shape[1], device=mask.device)
        length = mask.sum(1, keepdim=True)
        inner = (place > 0) & (place < length - 1)
        # The smallest draws of a row are cut.
        draws = uniform(self.seeds(features), mask.shape[1]).masked_fill(~inner, torch.inf)
        rank = draws.argsort(1).argsort(1)
        cut = (rank < (self.rate * inner.sum(1, keepdim=True)).round()) & inner
        if self.zero:
            return features | {TOKENS: (~cut).long()}
        return features | {"attention_mask": mask.masked_fill(cut, 0)}


class FeatureCutoff(TokenView):
    """floor(rate d) of the d dimensions of the embeddings are zero, the same ones for all tokens of
    a text, behind their normalisation, as in the authors' code.

    Source: ConSERT (arXiv 2105.11741), section 3.2, feature cutoff; rate 0.2.
    """

    name = "feature-cutoff"

    def __init__(self, rate: float = 0.2) -> None:
        super().__init__()
        self.rate = check_rate(rate)

    def forward(self, features: Features) -> Features:
        """The features with "feature_seed" and "feature_rate", for the transformer to carry out."""
        seeds = self.seeds(features)[:, None]
        return features | {
            SEED: seeds,
            RATE: torch.full_like(seeds, self.rate, dtype=torch.float64),
        }


class PositionShuffle(TokenView):
    """The tokens of a text are given its positions in a random order; padding keeps its own.

    Source: ConSERT (arXiv 2105.11741), section 3.2, token shuffling.
    """

    name = "position-shuffle"

    def forward(self, features: Features) -> Features:
        """The features with "places"."""
        mask = self.mask_of(features)
        place = torch.arange(mask.shape[1], device=mask.device)
        draws = uniform(self.seeds(features), mask.shape[1])
        draws = torch.where(mask.bool(), draws, 1.0 + place)
        return features | {PLACES: draws.argsort(1)}
