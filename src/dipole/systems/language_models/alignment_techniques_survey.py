"""A survey of alignment: its direct methods as objectives of one form, side by side on one task.

    dipole objectives show orpo
    dipole train --encoder lm:FOLDER --objective orpo --data preferences.jsonl --out runs/orpo

Those of them that have public code agree with it (`tests/parity`). A reward model of pairs is
`--mine reward=bradley-terry`.
"""

from __future__ import annotations

from dipole.studies.benches import preferences as bench
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System

SYSTEM = System(
    id="alignment-techniques-survey",
    paper=(
        "Wang et al. 2024, A Comprehensive Survey of LLM Alignment Techniques: RLHF, RLAIF, PPO,"
        " DPO and More, arXiv 2407.16216"
    ),
    place="dipole.objectives.preferences.answers:Preference",
    claim=Claim(
        sentence=(
            "Where supervised fine-tuning is merged with alignment, as in CPO, the chosen answers"
            " keep their likelihood, which DPO lets fall."
        ),
        bench="preferences",
        arms={
            "cpo": {"objective": "cpo"},
            "orpo": {"objective": "orpo"},
            "dpo": {"objective": "dpo"},
            "simpo": {"objective": "simpo"},
        },
        primary=AtLeast("cpo", "dpo", on="chosen"),
        reported=(
            "the survey sorts direct methods by their reference, and by whether supervised"
            " fine-tuning is apart or merged with alignment; no number is repeated here"
        ),
        secondary=[
            AtLeast("orpo", "dpo", on="chosen"),
            AtLeast("cpo", 0.0, on="chosen"),
            AtLeast("dpo", "cpo", on=bench.METRIC),
            AtLeast("dpo", "cpo", on="reward"),
            AtLeast("dpo", "simpo", on=bench.METRIC),
        ],
        looks=(5,),
        notes=(
            "Each objective has its published setting; `chosen` is the mean of"
            " log pi(y|x) - log ref(y|x) over the chosen answers of the training data, in nats,"
            " also where an objective knows no reference. All objectives are on the leaderboard of"
            " preferences; this claim was written after that was."
        ),
        lesson=(
            "If the chosen answers are worth saying, merge supervised fine-tuning with alignment:"
            " with CPO or ORPO they keep their likelihood, where DPO lets them fall by four nats;"
            " but DPO gains more of the reward, seven points at equal KL."
        ),
    ),
)
