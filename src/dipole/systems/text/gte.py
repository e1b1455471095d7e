"""GTE: everything in a batch is a negative, and small sources come more often than their share.

    dipole train --recipe gte --encoder FOLDER --data weak.csv --source other.csv \\
        --source good.csv:negative=[wrong],stage=2 --out runs/gte

Every batch is of one source, which is drawn in proportion to the square root of its size. The first
stage has weak pairs in large batches; the second, of the sources marked `stage=2`, pairs with hard
negatives in small batches at a tenth of the rate. If no source is marked, both stages have all.
Rates and batch sizes are for a pretrained transformer; how long each stage runs is yours to choose
(in the paper 50,000 steps and 1 epoch).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from dipole.data import Pairs
from dipole.encoders.base import Encoder
from dipole.studies.benches.pairs import CODE, SETTINGS, TOWER, found, short_code
from dipole.studies.benches.training import trained
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Pairs of each source to train on, and to test on.
SIZES = {"code": 3000, "comments": 750, "symbols": 190}
TESTED = 400
EPOCHS, BATCH, TEMPERATURE = 3, 64, 0.05
Rows = list[tuple[str, str]]

_COMMENTED = re.compile(r"^((?:[ \t]*#[^\n]*\n)+)((?:[ \t]*[^\s#][^\n]*\n?)+)", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{2,}")


@cache
def mixture(part: str, quick: bool) -> Pairs:
    """Pairs of a docstring and its code, a comment and the lines after it, a symbol's two names."""
    code = short_code(part, False)
    made: dict[str, Rows] = {
        "code": list(zip(code.column("anchor"), code.column("positive"), strict=True)),
        "comments": comments(part),
        "symbols": symbols(part),
    }
    rows: list[tuple[str, str, str]] = []
    for source, pairs in made.items():
        count = (SIZES[source] if part == "train" else TESTED) // (10 if quick else 1)
        order = np.random.default_rng(0).permutation(len(pairs))[:count]
        rows += [(*pairs[i], source) for i in np.sort(order)]
    return Pairs.from_columns(
        {"anchor": [row[0] for row in rows], "positive": [row[1] for row in rows]},
        metadata=[{"source": row[2]} for row in rows],
        origin="docstrings, comments and symbols that come with Python",
    )


def comments(part: str) -> Rows:
    """Comments of four words or more in Python's library, and the code up to the next gap."""
    from dipole.data.stdlib_code import library_files, library_folder, split_modules

    root, seen, rows = library_folder(), set(), []
    for path in library_files(root):
        module = path.relative_to(root).with_suffix("").parts[0]
        for says, does in commented(path.read_text(encoding="utf-8", errors="replace")):
            if says not in seen and does not in seen:
                seen |= {says, does}
                rows.append((module, says, does))
    where = split_modules(Counter(module for module, _, _ in rows), 0)
    return [(says, does) for module, says, does in rows if where[module] == part]


def commented(source: str) -> Iterator[tuple[str, str]]:
    """Whole-line comments and the lines below them, up to a blank line or the next comment.

    >>> list(commented("x = 1\\n# Add one to the number.\\nx += 1\\n\\ny = 2"))
    [('Add one to the number.', 'x += 1')]
    """
    for match in _COMMENTED.finditer(source):
        lines = [[line.strip() for line in group.splitlines()] for group in match.groups()]
        says = " ".join(line.lstrip("#").strip() for line in lines[0])
        if len(_WORD.findall(says)) >= 4:
            yield says, "\n".join(lines[1])[:CODE]


def symbols(part: str) -> Rows:
    """The names of a character in HTML and in Unicode."""
    from html.entities import html5

    rows, seen = [], set()
    for name, character in sorted(html5.items()):
        if name.endswith(";") and len(character) == 1 and character not in seen:
            seen.add(character)
            rows.append((name[:-1], unicodedata.name(character, "").lower()))
    order = np.random.default_rng(1).permutation(len(rows))
    half = order[: len(rows) // 2] if part == "train" else order[len(rows) // 2 :]
    return [rows[i] for i in half if rows[i][1]]


def bag(seed: int, recipe: Recipe, quick: bool, **settings: Any) -> Encoder:
    """A bag of words trained on the mixture by a recipe."""
    own = {"encoder_options": TOWER} | SETTINGS | settings
    return trained(mixture("train", quick), "static", recipe=recipe, seed=seed, **own)


def sources_of(pairs: Pairs) -> np.ndarray:
    """The source of every pair, (n,)."""
    return np.array([pairs.metadata(i)["source"] for i in range(len(pairs))])


def per_source(encoder: Encoder, quick: bool, metric: str = "MRR@10") -> list[np.ndarray]:
    """How well each test anchor finds its positive within its own source; an array per source."""
    test = mixture("test", quick)
    source = sources_of(test)
    return [found(encoder, test.select(np.flatnonzero(source == s)), metric) for s in SIZES]


RECIPE = Recipe(
    wants=["pairs", "triplets"],
    objective="gte",
    temperature=0.01,
    sampler="sources",
    sampler_options={"power": 0.5},
    stages=[
        {"batch_size": 16384, "chunk": 64, "learning_rate": 2e-4},
        {"batch_size": 128, "learning_rate": 2e-5},
    ],
)


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """MRR@10 on the source where it is lowest, drawn by the root of the sizes and by the sizes."""
    steps = 3 if quick else EPOCHS * sum(SIZES.values()) // BATCH
    outcome = {}
    for name, power in {"root": 0.5, "size": 1.0}.items():
        tower = bag(
            seed, RECIPE, quick, stages=[], temperature=TEMPERATURE, batch_size=BATCH,
            max_steps=steps,
            sampler_options={"key": "source", "power": power},
        )  # fmt: skip
        each = per_source(tower, quick)
        outcome[f"worst source, drawn by {name}"] = min(float(x.mean()) for x in each)
    return outcome


SYSTEM = System(
    id="gte",
    paper=(
        "Li et al. 2023, Towards General Text Embeddings with Multi-stage Contrastive Learning, "
        "arXiv 2308.03281"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A denominator of all queries and documents of the batch learns more than one of"
            " documents alone."
        ),
        bench="pairs",
        arms={
            "gte": {"stages": []},
            "infonce": {
                "stages": [], "objective": "infonce", "objective_options": {"symmetric": False},
            },
        },
        tuned={"temperature": [0.02, 0.05, 0.1]},
        experiment=experiment,
        primary=AtLeast("gte", "infonce", on="MRR@10"),
        reported=(
            "57.8 against 57.3 after the first stage and 62.4 against 61.8 after both, the mean"
            " of MTEB in English (section 5.5, as a summary of the paper cites it)"
        ),
        secondary=[AtLeast("worst source, drawn by root", "worst source, drawn by size")],
        notes=(
            "InfoNCE asks of each docstring which code is its own; GTE's denominator also has the"
            " other docstrings, and the codes against each other. One stage, since the bench"
            " decides batches and rates. The paper's temperature, 0.01, is for a pretrained model;"
            " here each arm takes the best of three.\n\nBeside it, the sampling: three sources that"
            f" come with Python, {SIZES['code']:,} docstrings and their code, {SIZES['comments']}"
            f" comments and the code below them, {SIZES['symbols']} characters by their names in"
            " HTML and in"
            " Unicode, drawn in proportion to the root of their size or to the size. Values: MRR@10"
            " on the source where it is lowest, among the test positives of that source."
        ),
        lesson=(
            "The larger denominator costs nothing, and gains less than these folds can tell from"
            " none."
        ),
    ),
)  # fmt: skip
