"""SGCP: tokens that likely belong to the same class are pulled together, over a graph of tokens.

    dipole train --recipe sgcp-token-graph --data labelled.csv --anchor text --label topic --out RUN

The classes of texts say how likely a token belongs to each class. Tokens that share one are
contrasted with the others of the batch; their vectors come from a graph of the tokens that stand
near each other. The model in RUN is a bag of these tokens: encode texts with it, or measure it on
another task's texts (`dipole evaluate RUN --task probe`).

The paper's loss and graph network are not public. Our reading: a softmax over the tokens of a batch
with the probability of a shared class as weights of the positives, two layers of graph convolution
over positive PMI, and the mean of token vectors for a text (the authors put an LSTM there). Its
distillation into a transformer is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from dipole.data import Labeled
from dipole.declared import Count, Positive, Share
from dipole.encoders.base import Features
from dipole.encoders.token_graph_text import TokenGraphText
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.maths import reduce, unit
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.sgcp_token_graph"


class SoftSupCon(Objective):
    """The mean over tokens t that have a positive of

        log sum_{u != t} exp s_tu - sum_{u != t} w_tu s_tu,   s_tu = z_t z_u / temperature,

    z of length 1, w_tu = P_tu / sum_{u != t} P_tu. With P_tu 1 for tokens of one class, else 0, it
    is SupCon.
    Shapes: token_vectors z (m, d); token_relation P (m, m), 0 or more. `anchor` and `labels` are
    not looked at: they say that the data are texts with classes, which the part has counted.

    Example:
        >>> z, same = torch.eye(4), torch.ones(4, 4)
        >>> SoftSupCon()(torch.ones(1, 4), z, same).item()  # log 3
        1.098...
    """

    rows: ClassVar[bool] = False
    executors: ClassVar[tuple[Any, ...]] = ()

    temperature: Temperature = Temperature(0.2)

    def forward(
        self,
        anchor: Tensor,
        token_vectors: Tensor,
        token_relation: Tensor,
        labels: Tensor | None = None,
    ) -> Tensor:
        z = unit(token_vectors)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        scores = (z @ z.T / self.temperature()).masked_fill(itself, -torch.inf)
        log_shares = scores.log_softmax(1).masked_fill(itself, 0)
        weights = token_relation.to(z.dtype).masked_fill(itself, 0)
        mass = weights.sum(1)
        losses = -(weights * log_shares).sum(1) / mass.masked_fill(mass == 0, 1)
        return reduce(losses, self.reduction, mass > 0)


class SharedClasses(Part):
    """The different tokens of a batch's texts: their vectors, `token_vectors` (m, d), and how
    likely two of them share a class, `token_relation` (m, m),

        P_tu = sum_c p(c|t) p(c|u),   p(c|t) = (n_tc + smoothing / C) / (n_t + smoothing),

    0 where it is not above p_0 + above (1 - p_0), p_0 = sum_c p(c)^2 the same of two tokens that
    say nothing. n_tc counts token t in texts of class c; p(c|t) is p(c) for a token with n_t below
    `least`. Of more than `most` tokens so many are drawn.
    """

    takes = ("anchor",)
    gives = ("token_vectors", "token_relation")

    smoothing: Positive = 1.0
    above: Share = 0.3
    least: Count = 3
    most: Count = 1024

    def bind(self, setup: Setup) -> None:
        encoder, examples = setup.encoder, setup.examples
        if not isinstance(encoder, TokenGraphText):
            raise InputError(
                f"shared classes: found {type(encoder).__name__}; expected the encoder token-graph"
            )
        if not isinstance(examples, Labeled):
            raise InputError(
                f"shared classes: found {type(examples).__name__} ({examples.origin}); expected "
                "texts with a class (--label COLUMN)"
            )
        self._encoder = [encoder]
        texts = [str(text) for text in examples.column("input")]
        names, classes = np.unique(np.asarray(list(examples.column("label"))), return_inverse=True)
        if len(names) < 2:
            raise InputError(f"shared classes: found one class ({str(names[0])!r}); expected two "
                             "or more")  # fmt: skip
        counts = np.zeros((encoder.tokenizer.size, len(names)))
        for (tokens, _), number in zip(encoder.tokenizer(texts), classes, strict=True):
            np.add.at(counts, (tokens, number), 1)
        found, chance = class_shares(counts, self.smoothing, self.least)
        self.threshold = chance + self.above * (1 - chance)
        self.register_buffer("shares", torch.from_numpy(found).float())

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        tokens = torch.cat([piece["tokens"] for piece in columns["anchor"]]).unique()
        if len(tokens) > self.most:
            tokens = tokens[torch.randperm(len(tokens))[: self.most].sort().values]
        shares = self.shares[tokens]  # type: ignore[index]
        shared = shares @ shares.T
        relation = shared.masked_fill(shared <= self.threshold, 0)
        (encoder,) = self._encoder
        return {"token_vectors": encoder.token_vectors()[tokens], "token_relation": relation}


def class_shares(counts: np.ndarray, smoothing: float, least: int) -> tuple[np.ndarray, float]:
    """p(c|t) of counts (tokens, classes), and the chance that two tokens that say nothing share a
    class; the prior p(c) for a token that is counted less than `least` times."""
    prior = counts.sum(0) / counts.sum()
    total = counts.sum(1, keepdims=True)
    shares = (counts + smoothing / len(prior)) / (total + smoothing)
    return np.where(total < least, prior, shares), float((prior**2).sum())


SYSTEM = System(
    id="sgcp-token-graph",
    paper=(
        "Ghosh et al. 2021, Supervised Graph Contrastive Pretraining for Text Classification, arXiv"
        " 2112.11389"
    ),
    recipe=Recipe(
        wants=["labelled"],
        encoder="token-graph",
        objective=f"{HERE}:SoftSupCon",
        parts=[f"{HERE}:SharedClasses"],
    ),
    claim=Claim(
        sentence=(
            "Tokens contrasted by the classes that they likely share serve classes that were never"
            " shown better than texts contrasted by their class."
        ),
        bench="classes",
        settings={
            "encoder": "token-graph",
            "encoder_options": {"dim": 64, "vocabulary": 4096},
        },
        regime="tokens need vectors of a graph of tokens, which no bag of words has.",
        arms={
            "tokens": {},
            "texts": {"objective": "supcon", "temperature": 0.1, "parts": []},
        },
        primary=AtLeast("tokens", "texts", on="MAP@R"),
        reported="1.8 % above contrast of examples, the mean of its data sets (abstract)",
        notes=(
            "Not run yet. Both arms have the same graph of tokens and the same batches; the paper's"
            " target data sets have few labels, here they are classes that nothing was trained on."
        ),
    ),
)
