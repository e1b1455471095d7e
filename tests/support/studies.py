"""A small file of pairs, and runs that look as if they had been made."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dipole.data import Pairs
from dipole.studies.bench import Bench
from dipole.studies.cells import Cell
from dipole.studies.running import DONE, Row
from dipole.studies.worker import COST, measured_path

COSTS = {
    "seconds": 2.0, "steps": 7, "examples": 50, "examples_per_second": 25.0, "peak_mb": 300.0,
    "cpu_seconds": 2.0,
}  # fmt: skip


def rows(split, quick=False, fold=0):
    """60 questions that share a rare word with their answers; of five folds, and one
    to tune on."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 5)) for _ in range(60)]
    chosen = [w for i, w in enumerate(words) if (i % 6 == fold) == (split == "test")]
    return Pairs.from_columns(
        {
            "anchor": [f"what does {word} do" for word in chosen],
            "positive": [f"the answer about {word} is here" for word in chosen],
        }
    )


def words_in_common(train, test):
    """A rule that finds everything."""
    return np.full(len(test), 100.0)


SMALL = Bench(
    id="small",
    about="questions and answers, two steps of a bag of words",
    data=f"{Path(__file__).resolve()}:rows",  # workers find it by its path
    settings={
        "encoder_options": {"dim": 16, "buckets": 64}, "batch_size": 16, "max_steps": 2,
    },
    measures=("retrieval",),
    metric="MRR@10",
    delta=1.0,
    folds=0,
    trivial=f"{__name__}:words_in_common",
    baseline={"objective": "infonce"},
    ceiling={"objective": "infonce", "max_steps": 6},
)  # fmt: skip
FOLDED, TWO = replace(SMALL, id="folded", folds=5), replace(SMALL, id="two", folds=2)


@pytest.fixture(scope="session")
def pairs_csv(tmp_path_factory):
    """60 questions that share a rare word with their answers."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "pairs.csv"
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 5)) for _ in range(60)]
    lines = [f"what does {word} do,the answer about {word} is here" for word in words]
    path.write_text("anchor,positive\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def settings(pairs_csv):
    """Of a training that takes no time."""
    return {"data": str(pairs_csv), "encoder_options": {"dim": 16, "buckets": 64}, "batch_size": 16}


@pytest.fixture
def made_row(tmp_path):
    """made_row(arm, seed, metric=values): a finished run with these numbers."""

    def make(arm, seed=0, /, state=DONE, error="", cost=COSTS, **metrics):
        cell = Cell(arm, seed, {"data": "stdlib-code", "objective": "dcl"}, ("retrieval",))
        row = Row(cell, tmp_path / f"{arm}-{seed}", state, error=error)
        (row.folder / "measures").mkdir(parents=True)
        (row.folder / COST).write_text(json.dumps(cost))
        arrays = {name.replace("_", " "): np.asarray(v, float) for name, v in metrics.items()}
        np.savez(measured_path(row.folder, "retrieval"), **arrays)
        return row

    return make
