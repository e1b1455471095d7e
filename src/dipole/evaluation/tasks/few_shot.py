"""Few-shot classification: episodes of a few classes, a few examples of each, and their means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import differing, encode_function, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import MEAN
from dipole.evaluation.tasks.labelled import checked, embedded

if TYPE_CHECKING:
    from dipole.data import Labeled
    from dipole.data.memory import Table

WAYS, SHOTS, QUERIES, EPISODES = 5, 5, 15, 600


def few_shot_accuracy(
    vectors: np.ndarray, labels: np.ndarray, *, ways: int = WAYS, shots: int = SHOTS,
    queries: int = QUERIES, episodes: int = EPISODES, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """The accuracy of each episode, (episodes,).

        c_k = mean of the support of class k       a query belongs to argmin_k ||q - c_k||^2

    on vectors of length 1. An episode draws `ways` classes, and of each `shots` examples as support
    and `queries` others (those that are left, where a class has fewer) that are asked; all without
    replacement. (Snell, Swersky, Zemel, Prototypical networks for few-shot learning, 2017.)

    Raises InputError: fewer than `ways` classes of more than `shots` examples, vectors not finite.
    """
    vectors, labels = checked(vectors, labels, "few-shot", "given")
    for name, value, least in (
        ("ways", ways, 2), ("shots", shots, 1), ("queries", queries, 1), ("episodes", episodes, 1)
    ):  # fmt: skip
        if value < least:
            raise InputError(f"few-shot: {name} is {value}; expected at least {least}")
    vectors = unit(vectors).astype(np.float64)
    names, codes = np.unique(labels, return_inverse=True)
    members = [rows for c in range(len(names)) if len(rows := np.flatnonzero(codes == c)) > shots]
    if len(members) < ways:
        raise InputError(
            f"few-shot: {len(members)} of {len(names)} classes have more than {shots} examples; "
            f"expected at least {ways} (ways)"
        )
    rng = np.random.default_rng(seed)
    accuracy = np.empty(episodes)
    for episode in range(episodes):
        chosen = rng.choice(len(members), ways, replace=False)
        drawn = [
            rng.choice(members[c], min(len(members[c]), shots + queries), False) for c in chosen
        ]
        centres = np.stack([vectors[rows[:shots]].mean(0) for rows in drawn])
        asked = np.concatenate([rows[shots:] for rows in drawn])
        truth = np.repeat(np.arange(ways), [len(rows) - shots for rows in drawn])
        # ||q||^2 is the same for every class.
        far = (centres**2).sum(1) - 2 * vectors[asked] @ centres.T
        accuracy[episode] = (far.argmin(1) == truth).mean()
    return accuracy


def evaluate_few_shot(
    encoder: Any, data: Labeled | Table, *, ways: int = WAYS, shots: int = SHOTS,
    queries: int = QUERIES, episodes: int = EPISODES, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Accuracy of prototypes in episodes (`few_shot_accuracy`); the items are the episodes.

    The episodes of two systems are the same, so they compare in pairs. The interval is that of
    other episodes from the same examples and classes, as papers give it; it does not speak of other
    classes.
    """
    rows: Labeled = given(data, "few-shot", "Labeled")
    encode = encode_function(encoder, show_progress)
    vectors, labels = embedded(encode, rows, "few-shot", "data", system, classes=2)
    differing(vectors, "examples", system)
    accuracy = few_shot_accuracy(
        vectors, labels, ways=ways, shots=shots, queries=queries, episodes=episodes, seed=seed
    )
    notes = []
    again = len(rows) - len(np.unique(rows.keys("input")))
    if again:
        notes.append(
            f"examples with the content of another one: {again} of {len(rows)}; an episode may ask "
            "for what it was shown"
        )
    note = f"{ways}-way {shots}-shot; the interval is over episodes, of these examples and classes"
    ids = [f"episode {number}" for number in range(1, episodes + 1)]
    return Result(
        "few-shot", system, "episode", ids, {"accuracy": accuracy}, ("accuracy",), MEAN,
        (*notes, note),
        seed=seed,
    )  # fmt: skip
