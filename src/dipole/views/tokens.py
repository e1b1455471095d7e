"""Views of tokenised texts."""

from __future__ import annotations

import torch

from dipole.errors import InputError
from dipole.kernels.draws import for_rows, uniform
from dipole.views.base import Features, View


class TokenCutoff(View):
    """round(rate m) of a text's m inner tokens are hidden from attention and from pooling.

    The first and the last token of a text ([CLS] and [SEP] of BERT) stay, and every token keeps
    its position. ConSERT sets the embeddings of these tokens to zero, so that they still take a
    share of attention; hidden, they take none.

    Features: "input_ids" and "attention_mask" (n, t), as `TransformerText.prepare` makes them.
    Source: ConSERT (arXiv 2105.11741), section 3.2, token cutoff; rate 0.15.
    """

    def __init__(self, rate: float = 0.15) -> None:
        super().__init__()
        if not 0 < rate < 1:
            raise InputError(f"view option rate: found {rate}; expected above 0 and below 1")
        self.rate = rate

    def forward(self, features: Features) -> Features:
        """The features with fewer ones in "attention_mask"."""
        mask = features.get("attention_mask")
        if mask is None:
            raise InputError(
                f"view token-cutoff: found features {', '.join(features)}; expected "
                "'attention_mask': this view is for transformers"
            )
        place = torch.arange(mask.shape[1], device=mask.device)
        length = mask.sum(1, keepdim=True)
        inner = (place > 0) & (place < length - 1)
        # The smallest draws of a row are cut.
        n, width = mask.shape
        seeds = for_rows(lambda rows: {"seeds": torch.randint(2**62, (rows,))}, n)["seeds"]
        draws = uniform(seeds.to(mask.device), width).masked_fill(~inner, torch.inf)
        rank = draws.argsort(1).argsort(1)
        cut = (rank < (self.rate * inner.sum(1, keepdim=True)).round()) & inner
        return features | {"attention_mask": mask.masked_fill(cut, 0)}
