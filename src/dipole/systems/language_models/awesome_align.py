"""awesome-align: links that are probable for both words, from the states of a multilingual encoder.

    dipole align corpus.de corpus.en --method softmax --model bert-base-multilingual-cased

That needs no training. To tune the encoder on parallel texts before, with the columns `anchor` and
`positive`, and then to align with it:

    dipole train --recipe awesome-align --data parallel.csv --encoder-option model=FOLDER --out RUN
    dipole align corpus.de corpus.en --method softmax --model RUN --option layer=8

FOLDER is a multilingual masked language model of 12 layers. Losses, weights 1, are the authors'
recommended ones: hidden words of each text (MLM) and of the two joined, in both orders (TLM), links
of the model as it is now made more probable (SO), and whether two texts are translations (PSI). To
let both directions agree as well, which finds more links and more wrong ones, add CO:

    --objective "OBJECTIVE + dipole.systems.language_models.awesome_align:Consistency"

with the recipe's own sum for OBJECTIVE (`dipole systems show awesome-align`). Our reading, where
the authors' code does otherwise: a hidden word counts the same in a short sentence and in a long
one, where they take a mean of each sentence first; the joint has one first token, where theirs
has two; a word of the guide is what the tokenizer takes for one, where theirs stands between
blanks; wrong pairs join each text with the next one's translation, right pairs are the batch's own.
Training on gold links is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Range
from dipole.encoders.base import Features
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.objectives.tokens.word_shares import both_shares
from dipole.studies.claim import AtMost, Claim
from dipole.systems.base import System
from dipole.training.outputs import encode_outputs
from dipole.training.parts import Part, Setup
from dipole.training.parts.joined_pairs import joined_pairs
from dipole.training.parts.masked_columns import masked_tower
from dipole.training.recipe import Recipe

HERE = "dipole.systems.language_models.awesome_align"
PARTS = "dipole.training.parts"
MASKED = "dipole.systems.text.clear:Masked"
JOINED = f"{MASKED}(masked_losses=translation_losses)"
CHECKED = f"{MASKED}(masked_losses=parallel_losses)"

_STATES = {"anchor_states": "n s d", "positive_states": "n t d"}

BENCH = "dipole.studies.benches.bilingual"
MLM: list[dict[str, Any]] = [
    {f"{PARTS}.masked_columns:MaskedColumns": {"columns": "anchor+positive"}},
    {f"{PARTS}.joined_pairs:MaskedPairs": {"both": True}},
]


class SelfTraining(Objective):
    """Links of the model itself are made more probable, in both directions. With P = softmax over j
    and Q = softmax over i of x_i . y_j, and G the guide,

        L = - sum_ij G_ij P_ij / s - sum_ij G_ij Q_ij / t,   s and t the numbers of pieces of words.

    Shapes: anchor_states x (n, s, d), positive_states y (n, t, d); anchor_pieces (n, s) and
    positive_pieces (n, t), False for special tokens and padding; guide (n, s, t), 0 there. The
    part `WordStates` gives them.
    Source: Dou and Neubig 2021, arXiv 2101.08231, and its released code.

    Example:
        >>> x, there = 9 * torch.eye(2)[None], torch.ones(1, 2, dtype=torch.bool)
        >>> SelfTraining()(x, x, there, there, torch.eye(2)[None]).item()
        -2.0
    """

    executors: ClassVar[tuple[Any, ...]] = ()
    shapes: ClassVar[dict[str, str]] = _STATES

    def forward(
        self,
        anchor_states: Tensor,
        positive_states: Tensor,
        anchor_pieces: Tensor,
        positive_pieces: Tensor,
        guide: Tensor,
    ) -> Tensor:
        p, q = both_shares(anchor_states, positive_states, anchor_pieces, positive_pieces)
        found = torch.zeros_like(p[:, 0, 0])
        for share, pieces in ((p, anchor_pieces), (q, positive_pieces)):
            found = found - (guide * share).sum((1, 2)) / pieces.sum(1).clamp(min=1)
        return reduce(found, self.reduction)


class Consistency(Objective):
    """Both directions shall agree: L = - sum_ij P_ij Q_ij / min(s, t), as in `SelfTraining`.

    -1 where every word has one translation and knows it.
    Shapes: those of `SelfTraining`.
    Source: Dou and Neubig 2021, arXiv 2101.08231, and its released code.

    Example:
        >>> x, there = 9 * torch.eye(2)[None], torch.ones(1, 2, dtype=torch.bool)
        >>> Consistency()(x, x, there, there).item()
        -1.0
    """

    executors: ClassVar[tuple[Any, ...]] = ()
    shapes: ClassVar[dict[str, str]] = _STATES

    def forward(
        self,
        anchor_states: Tensor,
        positive_states: Tensor,
        anchor_pieces: Tensor,
        positive_pieces: Tensor,
    ) -> Tensor:
        p, q = both_shares(anchor_states, positive_states, anchor_pieces, positive_pieces)
        least = torch.minimum(anchor_pieces.sum(1), positive_pieces.sum(1)).clamp(min=1)
        return reduce(-(p * q).sum((1, 2)) / least, self.reduction)


class PairCheck(Part):
    """Whether two joined texts are translations, of each text with its own and with the next one's:

        -log softmax( W tanh(U s + a) + b )_true,   s the first token's state after `layer`,

    as `parallel_losses`, (2n,). U, W, a, b are learnt with the tower and not saved with it.
    """

    gives = ("parallel_losses",)

    layer: Annotated[int, Range(0)] = 9

    def bind(self, setup: Setup) -> None:
        encoder = masked_tower(setup.encoder, "pair check")
        if self.layer > encoder.layers:
            raise InputError(
                f"pair check: found layer {self.layer}; expected 0 to {encoder.layers}, as the "
                "encoder has"
            )
        self._encoder = [encoder]  # in a list: its weights are not this module's
        dim = int(encoder.transformer.config.hidden_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.head = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, 2))

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        (encoder,) = self._encoder
        first, second = columns["anchor"], columns["positive"]
        losses = []
        for is_true, others in ((1, second), (0, _next(second))):
            pieces = joined_pairs(encoder, first, others)
            found = encode_outputs(encoder, "anchor", pieces, ("mask", "hidden"))
            logits = self.head(found["anchor_hidden"][:, self.layer, 0].float())
            wanted = torch.full((len(logits),), is_true, device=logits.device)
            losses.append(F.cross_entropy(logits, wanted, reduction="none"))
        return {"parallel_losses": torch.cat(losses)}


def _next(pieces: list[Features]) -> list[Features]:
    """Every row's place taken by the one behind it in its piece, the last one's by the first."""
    return [{name: x.roll(-1, 0) for name, x in piece.items()} for piece in pieces]


SYSTEM = System(
    id="awesome-align",
    paper=(
        "Dou and Neubig 2021, Word Alignment by Fine-tuning Embeddings on Parallel Corpora, "
        "arXiv 2101.08231"
    ),
    place="dipole.aligning.words.thresholding:both_ways",
    recipe=Recipe(
        wants=["pairs"],
        encoder="masked",
        objective=f"{MASKED} + {JOINED} + {HERE}:SelfTraining + {CHECKED}",
        parts=[
            *MLM,
            {f"{PARTS}.word_states:WordStates": {"layer": 8}},
            {f"{HERE}:PairCheck": {"layer": 9}},
        ],
        learning_rate=2e-5,
        batch_size=8,
        max_steps=20_000,
    ),
    claim=Claim(
        sentence=(
            "An encoder that makes its own links more probable, beside the hidden words of joined"
            " translations, aligns words better than one of hidden words alone."
        ),
        bench="pairs",
        settings={
            "data": f"{BENCH}:rows", "encoder": f"{BENCH}:Bilingual", "encoder_options": {},
            "learning_rate": 1e-3, "batch_size": 32, "max_steps": 300, "precision": "fp32",
            "parts": [*MLM, {f"{PARTS}.word_states:WordStates": {"layer": 2}},
                      {f"{HERE}:PairCheck": {"layer": 2}}],
        },
        regime=(
            "the paper tunes multilingual BERT on hundreds of thousands of sentences; here a"
            " transformer of two layers learns two made-up languages from nothing, in 300 batches"
            " of 32 of 4,000 pairs of 5 to 9 words; links by both softmaxes of its last layer."
        ),
        measures=[f"{BENCH}:error_rate"],
        arms={
            "awesome-align": {},
            "joined words": {"objective": f"{MASKED} + {JOINED}", "parts": MLM},
            "words": {"objective": MASKED, "parts": MLM[:1]},
        },
        primary=AtMost("awesome-align", "joined words", on="AER"),
        secondary=[AtMost("joined words", "words", by=10.0, on="AER")],
        reported=(
            "AER of German and English 17.4 without tuning, 15.2 with these losses, 15.1 with"
            " consistency too; of French 5.6, 4.1 and 4.5"
        ),
        notes="Not run yet. AER in points on 200 pairs that are trained on, whose links are known.",
    ),
)  # fmt: skip
