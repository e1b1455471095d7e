"""CipherBitext as pairs of texts to train an encoder on, and how well its states align words."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dipole.aligning.words.aligning import align_words
from dipole.aligning.words.links import Links
from dipole.aligning.words.measuring import Gold, measure
from dipole.data import Pairs
from dipole.encoders.base import Encoder
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.studies.benches.cipher_bitext import cipher_bitext
from dipole.studies.benches.tiny_text import tiny_text
from dipole.studies.measures import Measured, Trained

# Pairs to train on, of which the first are tested on.
TRAINED, TESTED = 4000, 200


class Bilingual(Encoder):
    """A transformer of two layers of random weights with a head of words, for both languages."""

    @classmethod
    def from_inputs(
        cls, queries: Sequence[str], documents: Sequence[str], *, dim: int = 96, layers: int = 2
    ) -> MaskedText:
        """The encoder for these texts; its weights are drawn by torch's generator."""
        seed = int(torch.randint(2**31, ()))
        base = tiny_text([*queries, *documents], seed=seed, dim=dim, layers=layers)
        return MaskedText.over(base)


def rows(split: str, quick: bool = False, fold: int = 0) -> Pairs:
    """Sentences and their translations in the languages of a fold, each pair with its links."""
    planted = cipher_bitext(fold, 60 if quick else TRAINED)
    sides = (planted.bitext.source, planted.bitext.target)
    size = len(planted.links) if split == "train" else min(TESTED, len(planted.links))
    kept: dict[
        tuple[str, str], list[tuple[int, int]]
    ] = {}  # without repeated pairs, of which a batch may not have two
    for n in range(size):
        source, target = (" ".join(side[n]) for side in sides)
        if target:
            kept.setdefault((source, target), sorted(planted.links[n]))
    return Pairs.from_columns(
        {"anchor": [a for a, _ in kept], "positive": [b for _, b in kept]},
        metadata=[{"links": [list(link) for link in links]} for links in kept.values()],
    )


def error_rate(model: Trained) -> Measured:
    """AER in points of links that are probable for both words, by the states of the last layer."""
    test = model.test
    if not isinstance(test, Pairs):
        raise InputError(f"measure: found {type(test).__name__}; expected pairs with links")
    texts = list(zip(test.column("anchor"), test.column("positive"), strict=True))
    gold: list[Links] = [
        frozenset((int(i), int(j)) for i, j in test.metadata(n)["links"]) for n in range(len(texts))
    ]
    found = align_words(
        [(str(a), str(b)) for a, b in texts], "softmax", encoder=model.encoder, layer=2
    )
    return {"AER": 100 * measure(found, Gold(gold, gold), resamples=1)["AER"].value}
