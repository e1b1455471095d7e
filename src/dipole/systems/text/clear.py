"""CLEAR: pretraining by masked words and, at once, by the contrast of two edits of one sentence.

The paper's combination of words left out and spans in another order, at its rates (from memory:
70 % of the words; 5 pairs of spans of 5 %). Runs of words that are left out are one "[DEL]". Spans
left out (5 of 5 %) are `DeletedSpans`; its near synonyms need a thesaurus and are not built.
Temperature 0.1 is our reading. For a transformer, of random weights or not: --encoder-option
model=FOLDER.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Share
from dipole.encoders.dropout import CheapDropout
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.kernels.draws import for_rows, uniform
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.systems.base import System
from dipole.training.batches import VIEWED
from dipole.training.parts.base import Part, Setup
from dipole.training.recipe import Recipe
from dipole.views.text import TextView, Words

LEFT_OUT = "[DEL]"


class DeletedAndReordered(TextView):
    """Each word is left out with probability `rate`, runs of such become one "[DEL]"; then `pairs`
    times two spans of `span` of the text change places. At least two words stay."""

    def __init__(self, rate: float = 0.7, pairs: int = 5, span: float = 0.05) -> None:
        super().__init__(rate)
        self.pairs, self.span = pairs, span

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        return reordered(self._deleted(words, generator), self.pairs, self.span, generator)

    def _deleted(self, words: Words, generator: np.random.Generator) -> Words:
        draws = generator.random(len(words))
        stays = draws >= self.rate
        stays[np.argsort(-draws, kind="stable")[:2]] = True
        return without(words, stays)


class DeletedSpans(TextView):
    """`spans` runs of `rate` of the text, anywhere, are each left out, with a "[DEL]" in place."""

    def __init__(self, rate: float = 0.05, spans: int = 5) -> None:
        super().__init__(rate)
        self.spans = spans

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        stays = np.ones(len(words), dtype=bool)
        length = max(1, round(self.rate * len(words)))
        for _ in range(self.spans):
            start = int(generator.integers(max(len(words) - length, 0) + 1))
            if stays.sum() - length >= 2:
                stays[start : start + length] = False
        return without(words, stays)


def without(words: Words, stays: np.ndarray) -> Words:
    """The words that stay, and one "[DEL]" for every run of others."""
    found: Words = []
    for word, kept in zip(words, stays, strict=True):
        if kept:
            found.append(word)
        elif not found or found[-1] is not LEFT_OUT:
            found.append(LEFT_OUT)
    return found


def reordered(words: Words, pairs: int, span: float, generator: np.random.Generator) -> Words:
    """`pairs` times two spans, which do not overlap, have changed places."""
    found, length = list(words), max(1, round(span * len(words)))
    for _ in range(pairs):
        if len(found) < 2 * length:
            break
        first, second = np.sort(generator.choice(len(found) - 2 * length + 1, 2))
        second = second + length
        one, other = found[first : first + length], found[second : second + length]
        found[first : first + length], found[second : second + length] = other, one
    return found


class MaskedWords(Part):
    """The losses of masked words of the sentences as they are, as `masked_losses`, (masked,).

    Of a sentence's inner tokens `share` are asked for: 8 in 10 are [MASK], one is any token, one
    stays (BERT). The tower that is trained reads them; a dense layer, gelu and a normalisation
    stand before its own word vectors, and are not saved with it.
    """

    takes = ("rows",)
    gives = ("masked_losses",)

    share: Share = 0.15

    def bind(self, setup: Setup) -> None:
        encoder = setup.encoder
        if not isinstance(encoder, TransformerText) or encoder.tokenizer.mask_token_id is None:
            raise InputError(
                f"masked words: found {type(encoder).__name__}; expected a transformer whose "
                "tokenizer has a token for a mask (--encoder FOLDER)"
            )
        self._encoder, self._examples = [encoder], setup.examples  # its weights are not the part's
        fields = [field for field in VIEWED if field in setup.examples.FIELDS]
        self._field = fields[0] if fields else "anchor"
        rows, dim = encoder.transformer.get_input_embeddings().weight.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.head = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.LayerNorm(dim))
            self.bias = nn.Parameter(torch.zeros(rows))

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        (encoder,) = self._encoder
        texts = self._examples.take(batch["rows"].cpu().numpy())[self._field]
        device = batch["rows"].device
        features = {name: x.to(device) for name, x in encoder.prepare(texts).items()}
        masked, asked = self._masked(features, encoder)
        with CheapDropout():
            tokens = encoder.transformer(**masked).last_hidden_state[asked]
        words = encoder.transformer.get_input_embeddings().weight
        logits = self.head.to(device)(tokens).float() @ words.float().T + self.bias
        losses = F.cross_entropy(logits, features["input_ids"][asked], reduction="none")
        return batch | {"masked_losses": losses}

    def _masked(
        self, features: dict[str, Tensor], encoder: TransformerText
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The features with other tokens, and which were asked for, (n, t)."""
        ids, mask = features["input_ids"], features["attention_mask"]
        place, length = torch.arange(ids.shape[1], device=ids.device), mask.sum(1, keepdim=True)
        inner = (place > 0) & (place < length - 1)

        def draw(rows: int) -> dict[str, Tensor]:
            return {"seeds": torch.randint(2**62, (rows, 3))}

        seeds = for_rows(draw, len(ids))["seeds"].to(ids.device)
        which, kind, other = (uniform(seeds[:, i], ids.shape[1]) for i in range(3))
        count = (self.share * inner.sum(1, keepdim=True)).round().clamp(min=1)
        rank = which.masked_fill(~inner, torch.inf).argsort(1).argsort(1)
        asked = (rank < count) & inner
        changed = ids.masked_fill(asked & (kind < 0.8), encoder.tokenizer.mask_token_id)
        drawn = (other * len(self.bias)).long()
        changed = torch.where(asked & (kind >= 0.9), drawn, changed)
        return features | {"input_ids": changed}, asked


class Masked(Objective):
    """The mean over all masked words: the part `MaskedWords` computes their losses."""

    executors: ClassVar[tuple[Any, ...]] = ()

    def forward(self, anchor: Tensor, masked_losses: Tensor) -> Tensor:
        counted = torch.ones_like(masked_losses, dtype=torch.bool)  # there may be none at all
        return reduce(masked_losses, self.reduction, counted)


SYSTEM = System(
    id="clear",
    paper="Wu et al. 2020, CLEAR: Contrastive Learning for Sentence Representation, arXiv "
    "2012.15466",
    recipe=Recipe(
        wants=["texts"],
        encoder="layers",
        encoder_options={"last": 1, "pooling": "cls", "head": {"out": 128, "hidden": 256}},
        view=[f"{__name__}:DeletedAndReordered"],
        objective=f"ntxent + {__name__}:Masked",
        objective_options={"ntxent.temperature": 0.1},
        parts=[{f"{__name__}:MaskedWords": {"share": 0.15}}],
    ),
)
