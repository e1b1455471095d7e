"""The bench of preferences: EnumWorld, whose answers are all enumerated, and a small policy."""

from __future__ import annotations

import numpy as np

from dipole.data.preferences import Preferences
from dipole.errors import InputError
from dipole.studies.bench import Bench
from dipole.studies.benches.enum_policy import EnumPolicy, reference, reward
from dipole.studies.benches.enum_world import (
    ANSWERS,
    LENGTH,
    LETTERS,
    PROMPTS,
    TOKENS,
    at_divergence,
    divergence,
    number_of,
    optimum_at,
    place_of,
    prompt_of,
)
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN
from dipole.studies.measures import Measured, Trained

# Worlds that claims are judged on, one a seed; one more is there to tune on.
FOLDS = 20
TRAIN, TEST, MORE = 2048, 2048, 32_768
# Prompts of no training: each topic and each tone once.
HELD_OUT = (3, 6, 9, 12)
# The KL at which policies are compared, in nats, and the beta of the regret.
NATS, BETA = 1.0, 0.1
METRIC = f"reward at {NATS:g} nat"


def rows(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Pairs of answers of the reference to the prompts of a world, the better one first.

    Which of the two is chosen in training, people decide who err: with probability
    sigma(r(chosen) - r(rejected)), so one in four is wrong. Test pairs are of other prompts and in
    their true order. World 20 is there to tune on.
    """
    train = split == "train"
    few = QUICK_TRAIN if train else QUICK_TEST
    return pairs(fold, split, few if quick else TRAIN if train else TEST)


def more_rows(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """The same with 16 times as many training pairs."""
    return rows(split, quick, fold) if quick or split != "train" else pairs(fold, split, MORE)


def lists(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Half as many prompts with four answers each, and their rewards as ratings: as many answers as
    the pairs have."""
    count = QUICK_TRAIN if quick else TRAIN // 2
    return rows(split, quick, fold) if split != "train" else listed(fold, count)


def pairs(world: int, split: str, count: int) -> Preferences:
    """Pairs of a world, noisy ones to train on."""
    rng = np.random.default_rng([world, len(split)])
    prompts, answers = drawn(rng, split, count, 2)
    worth = reward(world)[prompts[:, None], answers]
    gap = worth[:, 0] - worth[:, 1]
    first = gap > 0
    if split == "train":
        first = rng.random(count) < 1 / (1 + np.exp(-gap))
    ordered = np.where(first[:, None], answers, answers[:, ::-1])
    return preferences(world, prompts, ordered, np.tile([1.0, 0.0], (count, 1)))


def listed(world: int, count: int) -> Preferences:
    """Lists of four answers of a world with their rewards, the best first."""
    prompts, answers = drawn(np.random.default_rng([world, 4]), "train", count, 4)
    worth = reward(world)[prompts[:, None], answers]
    order = np.argsort(-worth, axis=1, kind="stable")
    answers, worth = (np.take_along_axis(x, order, 1) for x in (answers, worth))
    return preferences(world, prompts, answers, worth)


def drawn(
    rng: np.random.Generator, split: str, count: int, several: int
) -> tuple[np.ndarray, np.ndarray]:
    """Prompts (n,) of a split, and for each so many different answers of the reference (n, k)."""
    of = [p for p in range(len(PROMPTS)) if (p in HELD_OUT) == (split != "train")]
    prompts = np.array(of)[np.arange(count) % len(of)]
    answers = np.empty((count, several), dtype=np.int64)
    for start in range(0, count, 1024):
        known = reference()[prompts[start : start + 1024]]
        # The largest of log-probabilities with Gumbel noise: a draw without replacement.
        keys = known + rng.gumbel(size=known.shape)
        top = np.argpartition(-keys, several, axis=1)[:, :several]
        order = np.argsort(-np.take_along_axis(keys, top, 1), axis=1)
        answers[start : start + 1024] = np.take_along_axis(top, order, 1)
    return prompts, answers


def preferences(
    world: int, prompts: np.ndarray, answers: np.ndarray, ratings: np.ndarray
) -> Preferences:
    """Examples of the numbers of prompts (n,) and answers (n, k), with ratings (n, k)."""
    columns = {
        "prompt": [prompt_of(world, int(place)) for place in prompts],
        "answers": [[ANSWERS[int(number)] for number in row] for row in answers],
        "ratings": ratings.tolist(),
    }
    return Preferences.from_columns(columns)


def numbers_of(examples: Preferences) -> tuple[int, np.ndarray, list[np.ndarray]]:
    """World, prompts (n,) and answers of each row, by their numbers."""
    places = [place_of(str(prompt)) for prompt in examples.column("prompt")]
    answers = [np.array([number_of(a) for a in row]) for row in examples.column("answers")]
    return places[0][0], np.array([place for _, place in places]), answers


def alignment(model: Trained) -> Measured:
    """What a policy has become, by sums over all answers.

    reward at 1 nat      mean reward of the policy at a mean KL of 1 nat, drawn back or driven
                         on to it (`at_divergence`), in percent of the best possible there
    reward, KL           E_pi[r] and KL(pi || ref) of the policy as it is, of each prompt
    regret               what is missing of max_pi E_pi[r] - 0.1 KL(pi || ref), of each prompt
    chosen, rejected     mean of log pi(y|x) - log ref(y|x) over the training answers, in nats:
                         the best and the worst rated of each prompt
    preference accuracy  share of test pairs whose better answer has the higher log pi - log ref
    """
    if not isinstance(model.encoder, EnumPolicy) or not isinstance(model.test, Preferences):
        raise InputError("alignment: expected the policy of the bench preferences, and its data")
    world, prompts, answers = numbers_of(model.test)
    policy, known = model.encoder.enumerated(), reference()
    moved, worth = policy - known, reward(world)
    better, worse = (moved[prompts, [row[k] for row in answers]] for k in (0, 1))
    assert isinstance(model.train, Preferences)
    _, taught, shown = numbers_of(model.train)
    ends = {
        name: float(np.mean([moved[p, row[k]] for p, row in zip(taught, shown, strict=True)]))
        for name, k in (("chosen", 0), ("rejected", -1))
    }
    gained, far = (np.exp(policy) * worth).sum(1), divergence(policy, known)
    best = BETA * np.log((np.exp(known) * np.exp(worth / BETA)).sum(1))
    return {
        METRIC: equal(moved, world),
        "reward": gained,
        "KL": far,
        "regret": best - (gained - BETA * far),
        **ends,
        "preference accuracy": 50.0 * (1.0 + np.sign(np.round(better - worse, 9))),
    }


def equal(direction: np.ndarray, world: int, nats: float = NATS) -> np.ndarray:
    """Reward of each prompt of the policy along a direction at a KL, in percent of the best."""
    policy = at_divergence(reference(), direction, nats)
    return 100 * (np.exp(policy) * reward(world)).sum(1) / optimum_at(world, nats)


def letters(train: Preferences, test: Preferences) -> np.ndarray:
    """The same of a rule: the log-odds of a letter at its place in chosen and rejected answers."""
    world, _, answers = numbers_of(train)
    counts = np.ones((2, LENGTH, len(LETTERS)))
    for row in answers:
        for side in (0, 1):
            counts[side, np.arange(LENGTH), TOKENS[row[side]]] += 1
    odds = np.log(counts[0] / counts[1])
    direction = odds[np.arange(LENGTH), TOKENS].sum(1)
    return equal(np.tile(direction, (len(PROMPTS), 1)), world)


BENCH = Bench(
    id="preferences",
    about=(
        "EnumWorld: 16 prompts with 4,096 answers each, all enumerated, 20 rewards and one to tune"
        " on; 2,048 noisy pairs of the reference's answers to 12 prompts; a small recurrent"
        " policy, compared with the best one possible at the same KL to the reference"
    ),
    data=f"{__name__}:rows",
    settings={
        "encoder": "dipole.studies.benches.enum_policy:EnumPolicy", "batch_size": 64,
        "epochs": 4, "learning_rate": 1e-3, "schedule": "constant", "warmup": 0,
        "weight_decay": 0.0, "clip_norm": 1.0,
    },
    measures=(f"{__name__}:alignment",),
    metric=METRIC,
    delta=1.0,
    folds=FOLDS,
    trivial=f"{__name__}:letters",
    baseline={"objective": "dpo", "objective_options": {"beta": 0.1}},
    ceiling={
        "objective": "dpo", "objective_options": {"beta": 0.1}, "data": f"{__name__}:more_rows",
        "epochs": 2,
    },
)  # fmt: skip
