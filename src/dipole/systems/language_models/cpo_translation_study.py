"""CPO for translation: the best against the worst of a model's own candidates, by a quality
estimate.

    dipole train --recipe cpo-translation-study --encoder lm:FOLDER --data translations.jsonl \\
        --mine reward=quality.py:score --out runs/cpo

`translations.jsonl` has the prompts, and translations of other systems, which are left out unless
`--mine keep=all` adds them to the candidates. Without a reward of your own, one is fitted to them.
"""

from __future__ import annotations

import numpy as np

from dipole.data.preferences import Preferences
from dipole.errors import InputError
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import EnumPolicy, reference, reward
from dipole.studies.benches.enum_world import LENGTH, TOKENS, at_divergence
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.data import QUICK_TRAIN
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Candidates of the model, those of another system, and how far in nats that one is ahead.
SAMPLES, OTHERS, AHEAD = 4, 2, 1.0


def translated(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Prompts of the bench with two answers each of another system, rated: the policy that is best
    at a KL of 1 nat to the reference."""
    if split != "train":
        return bench.rows(split, quick, fold)
    rng, count = np.random.default_rng([fold, 17]), QUICK_TRAIN if quick else bench.TRAIN
    prompts, _ = bench.drawn(rng, split, count, OTHERS)
    known = at_divergence(reference(), reward(fold), AHEAD)[prompts]
    keys = known + rng.gumbel(size=known.shape)  # the largest: a draw without replacement
    answers = np.argsort(-keys, axis=1)[:, :OTHERS]
    worth = reward(fold)[prompts[:, None], answers]
    order = np.argsort(-worth, axis=1, kind="stable")
    answers, worth = (np.take_along_axis(x, order, 1) for x in (answers, worth))
    return bench.preferences(fold, prompts, answers, worth)


def lexical(model: Trained) -> Measured:
    """letters in common: how many of its letters an answer shares, at their places, with the best
    one of its prompt, in percent; exact, for each prompt."""
    if not isinstance(model.encoder, EnumPolicy) or not isinstance(model.test, Preferences):
        raise InputError("lexical: expected the policy of the bench preferences, and its data")
    world, _, _ = bench.numbers_of(model.test)
    best = TOKENS[reward(world).argmax(1)]
    common = (TOKENS[None] == best[:, None]).sum(2) / LENGTH
    return {"letters in common": 100 * (np.exp(model.encoder.enumerated()) * common).sum(1)}


CANDIDATES = {"source": "self-samples", "samples": SAMPLES, "choose": "ends"}
JUDGED = CANDIDATES | {"reward": "dipole.studies.benches.enum_writer:golden"}
SYSTEM = System(
    id="cpo-translation-study",
    paper=(
        "Gisserot-Boukhlef et al. 2024, Is Preference Alignment Always the Best Option to Enhance"
        " LLM-Based Translation? An Empirical Analysis, arXiv 2409.20059"
    ),
    recipe=Recipe(
        wants=["preferences"],
        mine=CANDIDATES | {"reward": "bradley-terry"},
        objective="cpo",
        objective_options={"beta": 0.1, "alpha": 1.0},
    ),
    claim=Claim(
        sentence=(
            "CPO on the best and the worst of a model's own candidates gains more of what judged"
            " them than supervised fine-tuning on the same best ones."
        ),
        bench="preferences",
        settings={
            "data": f"{__name__}:translated",
            "encoder": "dipole.studies.benches.enum_writer:EnumWriter",
            "mine": JUDGED,
        },
        regime=(
            "the policy is the bench's, and draws four candidates to each prompt; the reward is the"
            " quality estimate, and does not err."
        ),
        arms={
            "cpo": {},
            "sft": {"objective": "sft", "objective_options": {}},
            "cpo, several systems": {"mine": JUDGED | {"keep": "all"}},
        },
        measures=[f"{__name__}:lexical"],
        primary=AtLeast("cpo", "sft", on="reward"),
        reported=(
            "CPO is consistently above supervised fine-tuning by the metric that made the"
            " preferences (abstract; no number is repeated here)"
        ),
        secondary=[
            AtLeast("cpo", "sft", on=bench.METRIC),
            AtLeast("cpo", "sft", on="letters in common"),
            AtLeast("cpo", "cpo, several systems", by=-0.1, on="reward"),
            AtLeast("cpo", "cpo, several systems", on="letters in common"),
        ],
        looks=(5, 10),
        notes=(
            "The second metric, which preferences are not made by, is lexical: letters"
            " at the places where the best answer has them. The other system of the third arm is"
            " the best policy at 1 nat, and gives two of six candidates, so it is ahead of the"
            " model, where the paper's systems are on a level; the paper's finding that its own"
            " candidates are enough is not tested by that."
        ),
        lesson=(
            "Given candidates and a judge, CPO gains a third more of what judged them than"
            " supervised fine-tuning on the same best ones, at 1.7 times the KL; and candidates of"
            " a better system are worth more than either."
        ),
    ),
)
