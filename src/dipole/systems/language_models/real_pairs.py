"""REAL: of several answers compare the two whose embeddings are least alike, which are easy to
label."""

from __future__ import annotations

import numpy as np

from dipole.data.preferences import Preferences
from dipole.errors import InputError
from dipole.language.self_samples import chosen_answers
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import EnumPolicy, reward
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.data import QUICK_TRAIN
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Answers to choose from, and pairs that are labelled, on the bench.
OFFERED, LABELS = 8, 512


def offered(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Eight answers of the reference a prompt, rated by their reward with Gumbel noise: whichever
    two are compared, the better one wins with probability sigma of the difference of rewards."""
    if split != "train":
        return bench.rows(split, quick, fold)
    rng = np.random.default_rng([fold, 13])
    prompts, answers = bench.drawn(rng, split, QUICK_TRAIN if quick else LABELS, OFFERED)
    noisy = reward(fold)[prompts[:, None], answers] + rng.gumbel(size=answers.shape)
    order = np.argsort(-noisy, axis=1)
    answers, noisy = (np.take_along_axis(x, order, 1) for x in (answers, noisy))
    return bench.preferences(fold, prompts, answers, noisy)


def labels(model: Trained) -> Measured:
    """wrong labels: pairs that were learnt in the wrong order, in percent; letters apart: how many
    of the four letters of such a pair differ."""
    mine = {name: value for name, value in model.config.mine.items() if name != "source"}
    if not isinstance(model.encoder, EnumPolicy):
        raise InputError("labels: expected the policy of the bench preferences")
    found = chosen_answers(model.train, model.encoder, seed=model.config.seed, **mine)
    world, prompts, numbers = bench.numbers_of(found)
    worth = reward(world)[prompts[:, None], np.stack(numbers)]
    apart = [sum(a != b for a, b in zip(*row, strict=True)) for row in found.column("answers")]
    return {
        "wrong labels": 100.0 * (worth[:, 0] < worth[:, 1]),
        "letters apart": np.array(apart, dtype=np.float64),
    }


def chosen(name: str) -> dict[str, object]:
    """A choice among all that is offered, by the letters of the answers."""
    vectors = "dipole.studies.benches.enum_writer:letter_vectors"
    return {"mine": {"choose": name, "share": 1.0, "vectors": vectors}}


SYSTEM = System(
    id="real-pairs",
    paper=(
        "Zhang et al. 2024, REAL: Response Embedding-based Alignment for LLMs, arXiv 2409.17169"
    ),
    # The half of the pairs that the model itself finds least alike; of more answers a prompt the
    # two that are.
    recipe=Recipe(
        wants=["preferences"],
        mine={"source": "chosen-answers", "choose": "unlike", "share": 0.5},
        objective="dpo",
        objective_options={"beta": 0.1},
    ),
    claim=Claim(
        sentence=(
            "Of eight answers the two least alike give a label that teaches more than any two."
        ),
        bench="preferences",
        settings={"data": f"{__name__}:offered", "epochs": 16},
        regime=(
            "the question is which pairs of many to label: 512 labels, eight answers to choose"
            " from; as many steps as the bench has."
        ),
        arms={
            "unlike": chosen("unlike"),
            "random": chosen("random"),
            "alike": chosen("alike"),
            "centres": chosen("centres"),
        },
        measures=[f"{__name__}:labels"],
        primary=AtLeast("unlike", "random", on=bench.METRIC),
        reported=(
            "unlike pairs ahead of random and of alike ones in win rate and margin on HH and SHP"
            " (figures and tables; no single number is repeated here)"
        ),
        secondary=[
            AtLeast("random", "alike", on=bench.METRIC),
            AtLeast("unlike", "centres", on=bench.METRIC),
            AtMost("unlike", "random", on="wrong labels"),
            AtMost("random", "alike", on="wrong labels"),
        ],
        looks=(5, 10),
        notes=(
            "Unlike are answers with few letters in common at the same places; ties are"
            " broken at random. Ratings are rewards with Gumbel noise, so of whichever two"
            " are compared the better one wins with the probability of Bradley and Terry, as"
            " with the bench's pairs. `wrong labels`: pairs that were learnt in the wrong"
            " order. A first run broke ties by the order of the answers, which is that of"
            " their ratings, and so gave unlike pairs the two best answers: it was thrown"
            " away."
        ),
        lesson=(
            "Two answers that are least alike are labelled wrongly less often, 25 % against 28 %,"
            " and what is learnt of them is three points ahead of two at random, which ten seeds"
            " do not tell from none."
        ),
    ),
)
