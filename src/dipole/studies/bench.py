"""A bench: data, tower, budget and measure on which claims are decided; see docs/benches/."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from dipole.files import write_text
from dipole.lookup import find
from dipole.training.recipe import over

ROOM = "dipole.studies.benches"
NAMES = (
    "pairs", "classes", "views", "sentences", "graded", "graphs", "captions", "scenes", "finetune",
    "preferences", "writing",
)  # fmt: skip
NUMBERS = "numbers.json"
# A bench is admitted where training gains this many standard deviations of a seed.
ADMITTED = 10.0
# What a bench decides in the place of a recipe: rates, their schedules and batches are published
# for other data, larger towers and hundreds of epochs; images have classes here, which a recipe of
# images does not ask for.
DECIDES = (
    "wants", "encoder", "encoder_options", "batch_size", "epochs", "max_steps", "optimizer",
    "optimizer_options", "learning_rate", "schedule", "warmup", "weight_decay", "clip_norm",
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """Where claims are decided.

    Args:
        id: its name; about: data, tower and budget in a sentence.
        data: `module:function` of (split, quick), and of fold where there are folds.
        needs: named data sets that the data are made of.
        settings: what every arm has, unless the claim says otherwise and why: encoder, batch size,
            optimiser, length of the training.
        measures: what is measured (see measures.py); metric: what claims are judged on.
        delta: a difference smaller than this is none; written before any claim was run here.
        folds: 0: fixed test items. k: the data in k + 1 disjoint parts, seed s is tested on part s
            and trained on the others; part k is there to tune on.
        trivial: `module:function` of (train, test) that gives the metric without training.
        baseline: settings of the row "trained".
        ceiling: settings of the row "ceiling": what this tower can do with more of everything.
        pretrained: whether the untrained tower is a trained model, which need not be beaten.
        full: settings of `--budget full`, for a machine with a GPU.
    """

    id: str
    about: str
    data: str
    settings: Mapping[str, Any]
    measures: tuple[str, ...]
    metric: str
    delta: float
    trivial: str
    needs: tuple[str, ...] = ()
    folds: int = 0
    baseline: Mapping[str, Any] = field(default_factory=dict)
    ceiling: Mapping[str, Any] = field(default_factory=dict)
    pretrained: bool = False
    full: Mapping[str, Any] = field(default_factory=dict)

    def arm(
        self, recipe: Mapping[str, Any], claim: Mapping[str, Any], own: Mapping[str, Any],
        *, full: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """Settings of an arm: the recipe but for what a bench decides, the bench's, those of all
        arms of a claim, and the arm's own."""
        found = {name: value for name, value in recipe.items() if name not in DECIDES}
        for more in (self.settings, self.full if full else {}, claim, own):
            found = over(found, more)
        return {"data": self.data, **found}


def bench(name: str) -> Bench:
    """A bench by its name, or one at `module:NAME`.

    >>> bench("pairs").metric
    'MRR@10'
    """
    found: Bench = find("bench", name, place_of(), instance=Bench)
    return found


def place_of() -> dict[str, str]:
    """Bench -> `module:BENCH`, where it is defined."""
    return {name: f"{ROOM}.{name}:BENCH" for name in NAMES}


@dataclass(frozen=True)
class Numbers:
    """What was measured of a bench, in the unit of its metric.

    trivial, untrained, trained, ceiling: means over the seeds; seed_sd: of the trained; item_error:
    standard error of one seed's value for new items, None of a
    measure that has none; seconds: of CPU a cell; data: SHA-256.
    """

    trivial: float
    untrained: float
    trained: float
    ceiling: float
    seed_sd: float
    item_error: float | None
    seconds: float
    seeds: int
    data: str
    date: str

    @property
    def room(self) -> float:
        """How far the trained are above the untrained, in standard deviations of a seed."""
        gain = self.trained - self.untrained
        return gain / self.seed_sd if self.seed_sd else math.copysign(math.inf, gain)

    @property
    def admitted(self) -> bool:
        """Whether claims can be decided where these numbers come from."""
        return self.room >= ADMITTED


@cache
def numbers() -> dict[str, Numbers]:
    """The numbers that come with dipole, by bench."""
    return read_numbers(Path(str(files(ROOM).joinpath(NUMBERS))))


def read_numbers(path: Path) -> dict[str, Numbers]:
    """The numbers of a file; none where it is not there."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: Numbers(**values) for name, values in found.items()}


def write_numbers(pages: Path, name: str, found: Numbers) -> None:
    """Add the numbers of a bench to those beside its page; of the docs: to those that come with
    dipole."""
    package = Path(str(files(ROOM)))
    docs = package.parents[3] / "docs" / "benches"
    path = (package if pages.resolve() == docs.resolve() else pages) / NUMBERS
    known = {**read_numbers(path), name: found}
    text = json.dumps({key: asdict(one) for key, one in sorted(known.items())}, indent=1)
    write_text(path, text + "\n")
    numbers.cache_clear()
