"""DebCSE: partners drawn against what a rule of thumb would draw too often."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data import Inputs, Triplets
from dipole.data.named import local_folder, missing
from dipole.encoders.base import Encoder
from dipole.studies.benches.sentences import BAG, docstrings, judged, spearman, unlabelled
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.mined import MINED
from dipole.training.recipe import Recipe

SENTENCES, NEAREST, OTHERS = 2500, 20, 40
FIRST, SECOND = 3, 3  # epochs


def contradictions(quick: bool) -> list[tuple[str, str, str]]:
    """(sentence, one that says it in other words, one that contradicts it) of SICK.

    Pairs that people judged: entailed and related by at least 4 of 5; a contradiction. In a quick
    run a docstring, itself without its last word, and without its first ones.
    """
    if quick:
        cut = [(t, t.rsplit(" ", 1)[0], t.split(" ", 2)[2]) for t in docstrings(60)]
        return [(a, p, c) for a, p, c in cut]
    folder = local_folder("sick")
    if folder is None:
        raise missing("sick")
    alike: dict[str, list[str]] = {}
    against: dict[str, list[str]] = {}
    for path in (folder / "SICK_train.txt", folder / "SICK_trial.txt"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                verdict, score = row["entailment_judgment"], float(row["relatedness_score"])
                pair = row["sentence_A"], row["sentence_B"]
                kept = alike if verdict == "ENTAILMENT" and score >= 4 else against
                if kept is alike or verdict == "CONTRADICTION":
                    for one, other in (pair, pair[::-1]):
                        kept.setdefault(one, []).append(other)
    return [(a, p, c) for a in alike for p in alike[a] for c in against.get(a, ())]


def drawn(
    examples: Inputs,
    encoder: Encoder,
    *,
    seed: int,
    epochs: int = SECOND,
    nearest: int = NEAREST,
    others: int = OTHERS,
) -> Triplets:
    """A positive and a negative of every text for every epoch.

    Positives are drawn among the nearest texts of the first model and views of the text itself,
    negatives among random other texts; both against their looks.
    """
    from dipole.sampling.propensity import draw, negative_weights, positive_weights, surface
    from dipole.views.text import WordDeletion, WordRepetition, WordShuffle

    texts = list(examples.column("input"))
    n, rng = len(texts), np.random.default_rng(seed)
    nearest = min(nearest, n - 1)
    views = [view(texts, rng) for view in (WordRepetition(), WordDeletion(), WordShuffle())]
    known = [*texts, *(text for view in views for text in view)]
    vectors = encoder.encode(known)
    cosines = vectors[:n] @ vectors[:n].T
    np.fill_diagonal(cosines, -np.inf)
    near = np.argpartition(-cosines, nearest, axis=1)[:, :nearest]
    own = np.arange(n)[:, None] + n * np.arange(1, 1 + len(views))
    positives = np.concatenate([near.astype(np.int64), own], 1)
    negatives = (np.arange(n)[:, None] + rng.integers(1, n, (n, others))) % n

    def of(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Meaning and looks of every text's candidates."""
        meaning = (np.einsum("nd,nkd->nk", vectors[:n], vectors[columns]) + 1) / 2
        anchors = [text for text in texts for _ in range(columns.shape[1])]
        look = surface(anchors, [known[i] for i in columns.ravel()], most=64)
        return meaning, look.reshape(columns.shape)

    wanted, unwanted = positive_weights(*of(positives)), negative_weights(*of(negatives))
    rows: dict[str, list[object]] = {"anchor": [], "positive": [], "negatives": []}
    for epoch in range(epochs):
        p, q = draw(wanted, seed=seed, epoch=epoch), draw(unwanted, seed=seed, epoch=epoch + epochs)
        # Nothing reaches the floor: the first view; nothing is below the ceiling: any other text.
        p, q = np.where(p < 0, nearest, p), q.clip(0)
        rows["anchor"] += texts
        rows["positive"] += [known[i] for i in positives[np.arange(n), p]]
        rows["negatives"] += [[known[i]] for i in negatives[np.arange(n), q]]
    return Triplets.from_columns(rows)


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Looks of the positives, paraphrases before contradictions, Spearman; of both arms."""
    import dipole
    from dipole.sampling.propensity import surface
    from dipole.views.text import WordRepetition

    texts, pairs, triplets = unlabelled(quick, SENTENCES), judged(quick), contradictions(quick)
    first_epochs, epochs = (1, 1) if quick else (FIRST, SECOND)
    first: dict[str, Any] = {"epochs": first_epochs}
    second = {"epochs": 1, "mine": {"source": f"{__name__}:drawn", "epochs": epochs}}
    arms = {"simcse": [first, {"epochs": epochs}], "debcse": [first, second]}
    repeated = WordRepetition()(texts, np.random.default_rng(seed))
    found: dict[str, np.ndarray | float] = {
        "looks of the repeated": surface(texts, repeated, most=64)
    }
    for arm, stages in arms.items():
        with tempfile.TemporaryDirectory() as folder:
            settings: dict[str, Any] = {"stages": stages, "batch_size": 64, **BAG}
            run = dipole.fit(
                Inputs.from_columns({"input": texts}), recipe=RECIPE, out=Path(folder) / "run",
                seed=seed, show_progress=False, **settings,
            )  # fmt: skip
            encoder = run.encoder
            if arm == "debcse":
                lines = (run.folder / "stages" / "2" / MINED).read_text(encoding="utf-8")
                rows = [json.loads(line) for line in lines.splitlines()]
                anchors, positives = ([row[x] for row in rows] for x in ("anchor", "positive"))
                looks = surface(anchors, positives, most=64)
                found["looks of the drawn"] = looks.reshape(epochs, -1).mean(0)
        a, p, c = (encoder.encode(list(side)) for side in zip(*triplets, strict=True))
        found[f"paraphrase first, {arm}"] = 100.0 * ((a * p).sum(1) > (a * c).sum(1))
        found[f"STS-B, {arm}"] = spearman(encoder, pairs)
    return found


# A first model by SimCSE, and one that goes on from it with partners that were drawn by its
# vectors: the exponents and limits are this library's reading (`sampling.propensity`).
RECIPE = Recipe(
    wants=["texts"],
    objective="infonce",
    objective_options={"symmetric": False},
    temperature=0.05,
    stages=[
        {"epochs": FIRST},
        {"epochs": 1, "mine": {"source": f"{__name__}:drawn", "epochs": SECOND}},
    ],
)

SYSTEM = System(
    id="debcse",
    paper=(
        "Miao et al. 2023, DebCSE: Rethinking Unsupervised Contrastive Sentence Embedding "
        "Learning in the Debiasing Perspective, arXiv 2309.07396"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Positives that mean the same in other words, and negatives that look the same, teach "
            "to tell a paraphrase from a contradiction in the same words."
        ),
        experiment=experiment,
        primary=AtMost("looks of the drawn", "looks of the repeated"),
        reported="",
        secondary=[
            AtLeast("paraphrase first, debcse", "paraphrase first, simcse", by=5.0),
            AtLeast("STS-B, debcse", "STS-B, simcse"),
        ],
        notes=(
            "2,500 sentences of STS-B's and SICK's training parts without their scores; bags of"
            " words of 256 dimensions from nothing. A first model by SimCSE, three epochs, from"
            " which both arms go on for three more: SimCSE with dropout, or with a positive and a"
            " negative drawn for every epoch. Candidates for a positive are the 20 nearest"
            " sentences of the first model and three edits of the sentence itself (words repeated,"
            " left out, in another order), for a negative 40 random ones; exponents, floor 0.7 (a"
            " cosine of 0.4) and ceiling 0.4 (of -0.2) are this library's reading of the paper, of"
            " which only the abstract's principle is certain. Looks: one minus the edit distance"
            " over the longer length, of the first 64 letters. Paraphrase first: of SICK's"
            " sentences that people gave an entailed sentence (relatedness of 4 or more) and a"
            " contradiction, whether the former is nearer; their labels are seen by no training."
            " Nothing else was tried."
        ),
    ),
)
