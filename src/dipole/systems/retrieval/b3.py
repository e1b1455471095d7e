"""B3: batches made of communities of neighbours are full of hard negatives, however small."""

from __future__ import annotations

from functools import cache

import numpy as np

from dipole.data import Pairs
from dipole.encoders.static_text import StaticText
from dipole.objectives import InfoNCE
from dipole.sampling.grouped import GroupsTogether
from dipole.sampling.plans import Plan
from dipole.sampling.unique import UniqueBatches
from dipole.studies.benches.minilm import minilm
from dipole.studies.benches.pairs import Bags, found, short_code
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

ROWS, STEPS, BATCH, LARGE = 3000, 600, 32, 128
TEMPERATURE = 0.05
SKIP, NEIGHBOURS, COMMUNITY = 2, 20, 8
# Skipped, linked and size of a community as they are remembered of the paper.
FARTHER = (30, 100, 32)
# Share of rows that come a second time, with other words left out.
DOUBLED = 0.1
# Characters of a text that the teacher reads.
READ = 120


def doubled(pairs: Pairs) -> Pairs:
    """The pairs and near copies of a tenth of them: a word in ten of both sides left out."""
    from dipole.views.text import WordDeletion

    rng = np.random.default_rng(0)
    rows = rng.choice(len(pairs), int(DOUBLED * len(pairs)), replace=False)
    drop, taken = WordDeletion(0.1), pairs.take(rows)
    columns = {
        name: [*pairs.column(name), *drop(taken[name], rng)] for name in ("anchor", "positive")
    }
    return Pairs.from_columns(columns, origin=f"{pairs.origin}, {len(rows)} of them twice")


def training_pairs(quick: bool) -> Pairs:
    """Pairs of stdlib-code, drawn once for all seeds."""
    pairs = short_code("train", quick)
    return pairs.select(np.random.default_rng(1).permutation(len(pairs))[:ROWS])


@cache
def teacher_vectors(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the anchors and positives of `doubled`; of a quick run by words alone."""
    pairs = doubled(training_pairs(quick))
    texts = [[text[:READ] for text in pairs.column(name)] for name in ("anchor", "positive")]
    if quick:
        words = StaticText.from_texts(*texts, dim=64)
        return words.encode(texts[0], role="query"), words.encode(texts[1])
    teacher = minilm("b3", max_length=32)
    return teacher.encode(texts[0], role="query"), teacher.encode(texts[1])


@cache
def groups(rows: int, skip: int, neighbours: int, size: int, quick: bool) -> np.ndarray:
    """Communities of `size` among the first `rows` pairs."""
    from dipole.sampling.communities import communities, neighbour_graph

    anchors, positives = (x[:rows] for x in teacher_vectors(quick))
    graph = neighbour_graph(anchors, positives, skip=skip, neighbours=neighbours)
    return communities(graph, size)


@cache
def hardest(quick: bool) -> list[str]:
    """The positive that the teacher puts next to each anchor's own."""
    pairs = training_pairs(quick)
    anchors, positives = (x[: len(pairs)] for x in teacher_vectors(quick))
    scores = anchors @ positives.T
    np.fill_diagonal(scores, -np.inf)
    return pairs.column("positive").take(scores.argmax(1))


@cache
def bags(quick: bool) -> tuple[Bags, Bags]:
    """Towers for the pairs, and for those with near copies."""
    pairs = training_pairs(quick)
    return Bags(pairs), Bags(doubled(pairs))


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """MRR@10 per test pair after equally many steps of each kind of batch."""
    test = short_code("test", quick)
    once, twice = bags(quick)

    def random(size: int) -> Plan:
        return UniqueBatches(once.keys, size, seed=seed)

    def near(of: Bags, skip: int, neighbours: int = NEIGHBOURS, size: int = COMMUNITY) -> Plan:
        made = groups(len(of.pairs), skip, neighbours, size, quick)
        return GroupsTogether(made, BATCH, keys=of.keys, seed=seed)

    arms: dict[str, tuple[Bags, Plan]] = {
        "random 32": (once, random(BATCH)),
        "random 128": (once, random(LARGE)),
        "b3 32": (once, near(once, SKIP)),
        "b3 32, farther": (once, near(once, *FARTHER)),
        "one hard negative 32": (once, random(BATCH)),
        "near copies, b3 32": (twice, near(twice, SKIP)),
        "near copies, b3 32 without skipping": (twice, near(twice, 0)),
    }
    outcome = {}
    for name, (towers, plan) in arms.items():
        extra = None
        if name.startswith("one hard"):
            extra = lambda rows: {"negative": [hardest(quick)[i] for i in rows]}  # noqa: E731
        steps = 3 if quick else STEPS
        tower = towers.trained(InfoNCE(TEMPERATURE), plan, seed, steps=steps, extra=extra)
        outcome[name] = found(tower, test)
    return outcome


SYSTEM = System(
    id="b3",
    paper=(
        "Thirukovalluru et al. 2025, Breaking the Batch Barrier (B3) of Contrastive Learning "
        "via Smart Batch Mining, arXiv 2505.11293"
    ),
    recipe=Recipe(
        wants=["pairs"],
        sampler="neighbours",
        sampler_options={"community": 8, "skip": 2, "neighbours": 20},
    ),
    claim=Claim(
        sentence=(
            "Batches of communities in a teacher's graph of neighbours learn more than random ones"
            " of the same size and no less than much larger ones; the nearest are left out because"
            " they may be unmarked positives."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            AtLeast("b3 32", "random 32", by=2.0),
            AtLeast("b3 32", "random 128", by=-1.0),
            AtMost("near copies, b3 32 without skipping", "near copies, b3 32"),
        ],
        notes=(
            "Values: MRR@10 over the test pairs of stdlib-code, codes cut after 200 characters;"
            f" bags of words trained from scratch on {ROWS:,} pairs, {STEPS} steps whatever the"
            " size of the batch. The teacher is all-MiniLM-L6-v2. An anchor's positives of rank 3"
            " to 22 are linked, communities have 8 rows; `farther`: ranks 31 to 130 and"
            " communities of 32, as large as the batch, shown beside and asked nothing of, like"
            " the nearest positive as one hard negative for all. Near copies: a tenth of the pairs"
            " a second time with a tenth of their words left out."
        ),
    ),
)
