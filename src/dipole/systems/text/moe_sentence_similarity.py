"""Experts for domains: one encoder whose feed-forward map is another for each domain."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from dipole.encoders.heads import ExpertsHead, ProjectionHead
from dipole.encoders.precision import at_precision
from dipole.studies.benches.frozen import Frozen, mean, padded, unseen
from dipole.studies.benches.texts import WORDS, debian, docstrings, minilm
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.loops import descend
from dipole.systems.base import System

if TYPE_CHECKING:
    from dipole.encoders.transformer_text import TransformerText

DOMAINS = ("code", "packages", "papers")
TRAIN, TEST = 400, 250  # pairs of a domain
BATCH, STEPS, RATE = 32, 15, 1e-4  # steps of a domain


class LastLayer(nn.Module):
    """The last layer of a BERT, from the states below it to vectors of length 1.

    Its attention and normalisations are those of all; with experts its feed-forward map is copied,
    one for each domain, so that at first nothing has changed.
    """

    def __init__(self, tower: TransformerText, experts: int = 0) -> None:
        super().__init__()
        layer = copy.deepcopy(tower.transformer.encoder.layer[-1]).eval()  # without dropout
        first, last = layer.intermediate.dense, layer.output.dense
        self.attention, self.norm = layer.attention, layer.output.LayerNorm
        dense = ProjectionHead(first.in_features, last.out_features, hidden=first.out_features)
        dense[0], dense[1], dense[2] = first, nn.GELU(), last
        self.map = ExpertsHead(dense, experts=experts) if experts else dense

    def forward(self, states: Sequence[Tensor], domains: Sequence[int]) -> Tensor:
        """(n, dim), of the states of n texts and the number of the domain of each."""
        below, mask = padded(states)
        found = self.attention(below, attention_mask=unseen(mask))
        h = found[0] if isinstance(found, tuple) else found
        tokens = h[mask]
        if isinstance(self.map, ExpertsHead):
            routes = torch.tensor(domains)[:, None].expand(mask.shape)[mask]
            mapped = self.map(tokens, routes=routes)
        else:
            mapped = self.map(tokens)
        h = h.masked_scatter(mask[:, :, None], self.norm(mapped + tokens))
        return nn.functional.normalize(mean(h, mask), dim=-1)


@dataclass(frozen=True)
class Domain:
    """Row numbers of the texts of pairs, (n, 2)."""

    train: Tensor
    test: Tensor


def pairs_of(name: str, quick: bool) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs of a domain to train and to test."""
    if name == "code":
        parts = [
            list(zip(p.column("anchor"), p.column("positive"), strict=True))
            for p in (docstrings("train", quick), docstrings("test", quick))
        ]
    else:
        rows = debian("long", quick) if name == "packages" else papers(quick)
        order = np.random.default_rng(0).permutation(len(rows))
        parts = [[rows[i] for i in part] for part in np.array_split(order, [len(rows) // 4])][::-1]
    return parts[0], parts[1]


def papers(quick: bool) -> list[tuple[str, str]]:
    """Titles and abstracts of the Cranfield collection, the title not in the abstract."""
    if quick:
        return [(b, a) for a, b in debian("long", quick)]
    from dipole.data import load_retrieval

    texts = [" ".join(t.split()) for t in load_retrieval("cranfield").corpus.values()]
    found = [text.partition(" . ") for text in texts]
    return [(title, rest) for title, _, rest in found if title and rest]


@cache
def material(quick: bool) -> tuple[Frozen, list[Domain], TransformerText]:
    """The texts of all domains below the last layer, once per process."""
    tower = minilm(quick, max_length=24)
    drawn = [[part[:size] for part, size in zip(pairs_of(name, quick), (TRAIN, TEST), strict=True)]
             for name in DOMAINS]  # fmt: skip
    texts = (text for parts in drawn for part in parts for pair in part for text in pair)
    frozen = Frozen(tower, texts, layers=[tower.layers - 1])
    domains = [
        Domain(*(frozen.rows(t for pair in part for t in pair).view(-1, 2) for part in parts))
        for parts in drawn
    ]
    return frozen, domains, tower


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Recall@1 of each test anchor of all domains: joint, experts, and a model for each domain."""
    frozen, domains, tower = material(quick)
    steps = 3 if quick else STEPS
    every = list(range(len(domains)))

    def trained(kinds: list[int], experts: int = 0) -> LastLayer:
        torch.manual_seed(seed)
        model = LastLayer(tower, experts)
        descend(model.parameters(), losses(model, kinds, seed, steps), learning_rate=RATE)
        return model

    def losses(model: LastLayer, kinds: list[int], seed: int, steps: int) -> Iterator[Tensor]:
        """Of batches of one domain, domains in turn."""
        from dipole.objectives import InfoNCE

        objective = InfoNCE(0.05)
        rngs = [np.random.default_rng((seed, k)) for k in every]
        for _ in range(steps):
            for k in kinds:
                pairs = domains[k].train
                rows = rngs[k].choice(len(pairs), min(BATCH, len(pairs)), replace=False)
                yield objective(*(encode(model, frozen, side, k) for side in pairs[rows].T))

    def recalls(model: LastLayer) -> list[np.ndarray]:
        return [recall(model, frozen, domains[k].test, k) for k in every]

    joint, experts = trained(every), trained(every, experts=len(every))
    alone = [trained([k]) for k in every]
    start = LastLayer(tower, len(every))
    across = [recalls(model) for model in alone]  # model, domain
    found: dict[str, np.ndarray | float] = {
        "base": np.concatenate(recalls(start)),
        "joint": np.concatenate(recalls(joint)),
        "experts": np.concatenate(recalls(experts)),
        "own domain": np.concatenate([across[k][k] for k in every]),
        "other domains": np.concatenate(
            [np.mean([across[j][k] for j in every if j != k], axis=0) for k in every]
        ),
    }
    return found | identities(start, experts, tower)


def encode(model: LastLayer, frozen: Frozen, rows: Tensor, domain: int) -> Tensor:
    """Vectors of texts of one domain."""
    with at_precision(frozen.tower.device, "auto"):
        found: Tensor = model(frozen.states_of(rows), [domain] * len(rows))
    return found.float()


@torch.no_grad()
def recall(model: LastLayer, frozen: Frozen, pairs: Tensor, domain: int) -> np.ndarray:
    """100 where an anchor's own positive is the nearest of all, else 0."""
    a, p = (
        torch.cat([encode(model, frozen, part, domain) for part in side.split(64)])
        for side in pairs.T
    )
    scores = (a @ p.T).numpy()
    return 100.0 * ((scores > np.diag(scores)[:, None]).sum(1) == 0)


@torch.no_grad()
def identities(start: LastLayer, trained: LastLayer, tower: TransformerText) -> dict[str, float]:
    """Before training experts are the dense encoder; in which order texts come says nothing."""
    texts = sorted(f"{word} {number}" for word in WORDS for number in range(4))
    frozen = Frozen(tower, texts, layers=[tower.layers - 1], dtype="float32")
    states = frozen.states_of(frozen.rows(texts))
    domains = [i % len(DOMAINS) for i in range(len(texts))]
    expected = torch.from_numpy(tower.encode(texts, dtype="float32"))
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    turned = trained([states[i] for i in order], [domains[i] for i in order])
    return {
        "difference at the start": float((start(states, domains) - expected).abs().max()),
        "difference by order": float((turned - trained(states, domains)[order]).abs().max()),
    }


SYSTEM = System(
    id="moe-sentence-similarity",
    paper=(
        "Hallee et al. 2024, Contrastive Learning and Mixture of Experts Enables Precise Vector "
        "Embeddings, arXiv 2401.15713"
    ),
    claim=Claim(
        sentence=(
            "Copies of an encoder's feed-forward map, one for each domain, make one model as good "
            "as one model for each domain."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            AtLeast("experts", "joint", by=-0.3),
            AtLeast("experts", "other domains"),
            AtLeast("experts", "own domain", by=-1.5),
            AtMost("difference at the start", 1e-5, every=True),
            AtMost("difference by order", 1e-5, every=True),
        ],
        notes=(
            "Domains: docstrings and code of Python's library, short and long descriptions of"
            " Debian packages, titles and abstracts of Cranfield; 400 pairs to train and 250 to"
            " test of each, texts cut after 24 tokens. Of all-MiniLM-L6-v2 only the last layer is"
            " trained, and it alone has experts: the paper found one layer of experts to keep most"
            " of the gain. Every domain goes through its own expert, with no token that names it."
            " The joint model and the one with experts see every batch of all domains; a model of"
            " one domain its own batches, as many as the others see of it. The paper itself finds"
            " little below 100 million parameters; this model has 23."
        ),
    ),
)
