"""ZeroVL: one source per batch, a coin that says which side is mixed, exact accumulation."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Pairs
from dipole.declared import Positive
from dipole.encoders.base import Features
from dipole.objectives import InfoNCE
from dipole.objectives.whole_batch import positions, whole_batch
from dipole.studies.benches.pairs import TOWER, found, short_code
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.gradient_cache import encode_chunks
from dipole.training.parts.base import Part, Setup
from dipole.training.recipe import Recipe
from dipole.views.mixup import Mixup, draw_mixup

# Modules of Python's library with fewer pairs are no source.
LEAST = {"train": 32, "test": 25}
SMALL, STEPS, BATCH, TEMPERATURE = 400, 300, 64, 0.05
PAIRS, PAIR_STEPS = 32, 400


def modules(part: str, quick: bool) -> Pairs:
    """stdlib-code of the modules that have many pairs; those of the test are in no training."""
    pairs = short_code(part, False)
    names = names_of(pairs).tolist()
    count = Counter(names)
    rows = [i for i, name in enumerate(names) if count[name] >= LEAST[part]]
    return pairs.select(rows[-300:] if quick else rows)


def names_of(pairs: Pairs) -> np.ndarray:
    """The module of every pair, (n,)."""
    return np.array([pairs.metadata(i)["module"] for i in range(len(pairs))])


def one_source(seed: int, quick: bool, folder: Path) -> dict[str, np.ndarray]:
    """Is the code of a docstring first among those of its module, which no training saw?"""
    import dipole

    test = modules("test", quick)
    names = names_of(test)
    rows = [np.flatnonzero(names == name) for name in np.unique(names)]
    samplers: dict[str, dict[str, Any]] = {
        "one source": {"sampler": "sources", "sampler_options": {"key": "module"}},
        "sources mixed": {"sampler": "unique"},
    }
    outcome = {}
    for name, sampler in samplers.items():
        run = dipole.fit(
            modules("train", quick), out=folder / name, recipe=RECIPE | {"parts": []} | sampler,
            encoder="static", encoder_options=TOWER, temperature=TEMPERATURE, batch_size=PAIRS,
            max_steps=3 if quick else PAIR_STEPS, learning_rate=3e-3, schedule="constant",
            warmup=0, weight_decay=0.0, clip_norm=None, seed=seed, show_progress=False,
        )  # fmt: skip
        each = [found(run.encoder, test.select(chosen), "Recall@1") for chosen in rows]
        outcome[f"Recall@1, {name}"] = np.concatenate(each)
    return outcome


def accumulated(seed: int) -> float:
    """The largest difference between gradients of a batch in chunks and as it is, in double.

    Dropout is on and drawn alike, targets are soft; relative to the largest gradient.
    """
    torch.manual_seed(seed)
    layers = [nn.Linear(20, 64), nn.Tanh(), nn.Dropout(0.3), nn.Linear(64, 16)]
    tower = nn.Sequential(*layers).double()
    x, y = torch.randn(2, 64, 20, dtype=torch.double)
    mix, objective = Mixup(0.8, 64), InfoNCE(0.02)
    gradients = []
    for cached in (True, False):
        torch.manual_seed(seed)
        sides = [
            (
                encode_chunks(
                    lambda part: tower(part["x"]), [{"x": part} for part in side.split(7)]
                )
                if cached
                else torch.cat([tower(part) for part in side.split(7)])
            )
            for side in (mix(x), y)
        ]
        loss = objective(*sides, relation=mix.targets().double())
        parts = torch.autograd.grad(loss, [*tower.parameters()])
        gradients.append(torch.cat([g.flatten() for g in parts]))
    apart = (gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max()
    return float(apart)


class CoinMixup(Part):
    """Mixes one side of a batch with its flip, by the toss of a coin, and says whose it is then:

        x_i <- lam x_i + (1 - lam) x_{n-1-i},  lam ~ Beta(concentration, concentration)
        relation_ij = lam [j = i] + (1 - lam) [j = n-1-i].

    Images are mixed as pixels before their tower, texts as the vectors their tower gives (the paper
    mixes features before the projection; our reading). Of two sides of images the second is mixed
    as vectors. `both` mixes both sides, each by a share of its own, and their targets are the
    overlap. The batch is that of all processes.
    """

    takes = ("anchor", "positive")
    gives = ("anchor", "positive", "relation")

    concentration: Positive = 0.1
    both: bool = False

    def __post_init__(self) -> None:
        self.steps: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def bind(self, setup: Setup) -> None:
        self._encoder = [setup.encoder]  # in a list: its weights are not this module's
        self.seed = setup.seed

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + int(self.steps))
        shares = [
            draw_mixup(1, concentration=self.concentration, generator=generator).share
            for _ in range(2)
        ]
        heads = bool(torch.rand((), generator=generator) > 0.5)
        sides = sorted(("anchor", "positive"), key=lambda side: _pixels(columns[side]) is None)
        chosen = sides if self.both else sides[:1] if heads else sides[1:]
        # What is left for the vectors, and how much of a row is its own.
        self.mixed = dict(zip(chosen, shares, strict=False))
        own = list(self.mixed.values())
        self.own = own[0] if len(own) == 1 else own[0] * own[1] + (1 - own[0]) * (1 - own[1])
        if _pixels(columns[sides[0]]) is None or sides[0] not in self.mixed:
            return {}
        pieces = _blended(columns[sides[0]], self.mixed.pop(sides[0]))
        return {sides[0]: encode_chunks(self._encoder[0], pieces)}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        own = batch["anchor"]
        place = positions(len(own), own.device)
        every = len(whole_batch(own.detach()))
        relation = own.new_zeros(len(own), every)
        here = torch.arange(len(own), device=own.device)
        relation[here, place] += self.own
        relation[here, every - 1 - place] += 1 - self.own
        mixed = {side: _mixed(batch[side], share) for side, share in self.mixed.items()}
        return batch | mixed | {"relation": relation}

    def after_step(self) -> None:
        self.steps += 1


def _pixels(pieces: list[Features]) -> str | None:
    """The name of the images among features, if they are some."""
    return next((name for name in pieces[0] if name.rpartition(".")[2] == "image"), None)


def _mixed(x: Tensor, share: float) -> Tensor:
    """Rows mixed with those of the flipped batch of all processes."""
    every = whole_batch(x)
    return share * x + (1 - share) * every[len(every) - 1 - positions(len(x), x.device)]


def _blended(pieces: list[Features], share: float) -> list[Features]:
    name = _pixels(pieces)
    assert name is not None
    images = _mixed(torch.cat([piece[name] for piece in pieces]), share)
    parts = images.split([len(piece[name]) for piece in pieces])
    return [piece | {name: part} for piece, part in zip(pieces, parts, strict=True)]


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Error of accumulation; is a right half among the five nearest to its left one? Per image."""
    import dipole

    outcome: dict[str, np.ndarray | float] = {"error of accumulation": accumulated(seed)}
    train, test = (halves(part, seed, quick) for part in ("train", "test"))
    tower = {"dim": 64, "hidden": 256}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arm, parts in MIXED.items():
            run = dipole.fit(
                train, out=folder / arm, recipe=RECIPE | {"parts": parts, "sampler": "unique"},
                encoder="two-towers", encoder_options={
                    "query": "perceptron", "query_options": tower,
                    "document": "perceptron", "document_options": tower,
                },
                temperature=TEMPERATURE, batch_size=BATCH, max_steps=3 if quick else STEPS,
                learning_rate=1e-3, schedule="constant", warmup=0, weight_decay=0.0,
                clip_norm=None, seed=seed, show_progress=False,
            )  # fmt: skip
            a = run.encoder.encode(test.column("anchor"), "query")
            b = run.encoder.encode(test.column("positive"), "document")
            scores = a @ b.T
            rank = (scores > np.diag(scores)[:, None]).sum(1)
            outcome[f"Recall@5, {arm}"] = 100.0 * (rank < 5)
        return outcome | one_source(seed, quick, folder)


def halves(part: str, seed: int, quick: bool) -> Pairs:
    """Left halves of images, and right halves in the place of their texts."""
    from dipole.studies.data import fashion_mnist_14

    images = np.stack(list(fashion_mnist_14(part, quick).column("input")))
    order = np.random.default_rng(seed if part == "train" else 0).permutation(len(images))
    kept = images[order[: SMALL if part == "train" else 1000]]
    half = kept.shape[2] // 2
    left, right = (np.ascontiguousarray(x) for x in (kept[:, :, :half], kept[:, :, half:]))
    return Pairs.from_columns({"anchor": left, "positive": right})


MIXUP = "dipole.systems.vision_language.zerovl:CoinMixup"
# One source a batch (--source FILE, or a key of the metadata), the coin, a low temperature that
# is not learnt; the exact gradient of a batch in pieces is --chunk.
RECIPE = Recipe(
    wants=["image-text", "pairs"],
    objective="infonce",
    temperature=0.02,
    sampler="sources",
    parts=[{MIXUP: {}}],
)
MIXED: dict[str, list[dict[str, dict[str, Any]]]] = {
    "no mixup": [],
    "coin flip": [{MIXUP: {}}],
    "both sides": [{MIXUP: {"both": True}}],
}

SYSTEM = System(
    id="zerovl",
    paper=(
        "Cui et al. 2021, Contrastive Vision-Language Pre-training with Limited Resources, "
        "arXiv 2112.09331"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Batches of one source do not learn to tell sources apart, mixing one side by the toss"
            " of a coin helps where data are few, and accumulated gradients are those of the batch."
        ),
        experiment=experiment,
        primary=AtMost("error of accumulation", 1e-5, every=True),
        reported="",
        secondary=[
            AtLeast("Recall@1, one source", "Recall@1, sources mixed", by=2.0),
            AtLeast("Recall@5, coin flip", "Recall@5, no mixup", by=1.0),
            AtLeast("Recall@5, coin flip", "Recall@5, both sides"),
        ],
        notes=(
            "Sources: modules of Python's library with at least 32 pairs of docstring and code;"
            " tested in modules that are in no training, the code found among that of its module;"
            f" {PAIR_STEPS} steps of {PAIRS} pairs. Mixup: left and right halves of {SMALL} pieces"
            " of clothing (14 x 14), 1,000 others to test; images are mixed as pixels, right"
            " halves, in the place of texts, as vectors. Where both sides are mixed the targets"
            f" are the overlap of the two mixtures. Temperature {TEMPERATURE} in all arms.\n\nTried"
            " before, one seed: 1,000 steps, Recall@5 57.5 with the coin, 60.4 with both sides"
            " mixed, 62.5 without mixup."
        ),
    ),
)
