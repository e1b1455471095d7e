"""Rewards of answers that a model wrote: a function, a head fitted to preferences, a log-ratio.

A reward takes prompts (n,) and their answers, a list for each, and gives as many numbers for each.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dipole.data.preferences import Preferences
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.language.stored import log_probs_of
from dipole.lookup import find, is_place

Reward = Callable[[Preferences], list[np.ndarray]]


def reward_of(name: str, examples: Preferences, encoder: Encoder, judge: Encoder) -> Reward:
    """What judges answers.

    bradley-terry  w . h(x, y), h the vectors of `judge`, w fitted to the examples
    implicit       log pi(y | x) - log ref(y | x), pi the encoder and ref the judge
    file.py:name   name(prompts, answers), a list of numbers for each prompt; it may also ask
                   for the `examples` and the `encoder`
    """
    if name == "bradley-terry":
        return bradley_terry(examples, judge)
    if name == "implicit":
        return lambda answers: implicit(answers, encoder, judge)
    if not is_place(name):
        raise InputError(
            f"reward: found {name!r}; expected bradley-terry, implicit or file.py:function"
        )
    return _own(name, examples, encoder)


def bradley_terry(examples: Preferences, judge: Encoder, penalty: float = 1.0) -> Reward:
    """A linear reward of frozen vectors, fitted to all pairs of answers that are rated otherwise:

        min_w  sum_{w, l} -log sigma(w . (h_w - h_l)) + penalty / 2 |w|^2,

    h the vector of prompt and answer as one text, standardised over the examples. Convex, so there
    is one answer. Our reading: the proxies of papers are whole models, trained for it.

    Raises InputError where no two answers of a prompt differ in their rating.
    """
    vectors = _vectors(examples, judge)
    every = np.concatenate(vectors)
    mean, size = every.mean(0), every.std(0)
    size[size == 0] = 1.0
    gaps = [
        (rows[i] - rows[j]) / size
        for rows, ratings in zip(vectors, examples.column("ratings"), strict=True)
        for i in range(len(ratings))
        for j in range(i + 1, len(ratings))
        if ratings[i] > ratings[j]
    ]
    if not gaps:
        raise InputError(
            f"reward bradley-terry: {examples.origin}: found no prompt with a better and a worse "
            "answer; expected some, or another reward"
        )
    weights = fitted(np.stack(gaps), penalty)

    def reward(answers: Preferences) -> list[np.ndarray]:
        return [((rows - mean) / size) @ weights for rows in _vectors(answers, judge)]

    return reward


def fitted(gaps: np.ndarray, penalty: float) -> np.ndarray:
    """w of least sum -log sigma(w . gap) + penalty / 2 |w|^2, of gaps (n, d)."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margins = gaps @ w
        value = np.logaddexp(0, -margins).sum() + penalty / 2 * w @ w
        return value, penalty * w - expit(-margins) @ gaps

    found: np.ndarray = minimize(loss, np.zeros(gaps.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def implicit(answers: Preferences, policy: Encoder, reference: Encoder) -> list[np.ndarray]:
    """log pi(y | x) - log ref(y | x) of every answer, sums over its tokens; of a prompt without
    answers none."""
    counts = [len(row) for row in answers.column("answers")]
    some = answers.select(np.flatnonzero(counts))
    sums = [
        np.array([part.sum(dtype=np.float64) for part in log_probs_of(model, some)])
        for model in (policy, reference)
    ]
    return np.split(sums[0] - sums[1], np.cumsum(counts)[:-1])


def _own(name: str, examples: Preferences, encoder: Encoder) -> Reward:
    function = find("reward", name, {})
    known = inspect.signature(function).parameters
    more = {"examples": examples, "encoder": encoder}
    more = {key: value for key, value in more.items() if key in known}

    def reward(answers: Preferences) -> list[np.ndarray]:
        read = answers.read(range(len(answers)))
        found = function([one.prompt for one in read], [one.answers for one in read], **more)
        return _checked(name, found, [len(one.answers) for one in read])

    return reward


def _checked(name: str, found: Any, counts: Sequence[int]) -> list[np.ndarray]:
    """A number for every answer, none of them nan or infinite."""
    try:
        rows = [np.asarray(row, dtype=np.float64) for row in found]
    except (TypeError, ValueError):
        raise InputError(
            f"reward {name}: found {found!r:.60}; expected a list of numbers for each prompt"
        ) from None
    if len(rows) != len(counts):
        raise InputError(
            f"reward {name}: found {len(rows):,} rows of rewards; expected {len(counts):,}, one "
            "for each prompt"
        )
    for number, (row, count) in enumerate(zip(rows, counts, strict=True), 1):
        if row.shape != (count,) or not np.isfinite(row).all():
            raise InputError(
                f"reward {name}: prompt {number}: found {row!r:.60}; expected {count} finite "
                "numbers, one for each answer"
            )
    return rows


def _vectors(answers: Preferences, judge: Encoder) -> list[np.ndarray]:
    """Those of each prompt with each of its answers, (k, d)."""
    read = answers.read(range(len(answers)))
    texts = [as_text(one.prompt) + as_text(answer) for one in read for answer in one.answers]
    vectors = np.asarray(judge.encode(texts), dtype=np.float64)
    return np.split(vectors, np.cumsum([len(one.answers) for one in read])[:-1])


def as_text(value: Any) -> str:
    """A text as it is; of messages their contents, one under the other."""
    return value if isinstance(value, str) else "\n".join(one["content"] for one in value)


def vectors_of(answers: Preferences, encode: Callable[[list[str]], Any]) -> list[np.ndarray]:
    """Unit vectors of every answer alone, without its prompt, (k, d) for each prompt."""
    read = answers.read(range(len(answers)))
    texts = [as_text(answer) for one in read for answer in one.answers]
    found = np.asarray(encode(texts), dtype=np.float64)
    if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
        raise InputError(
            f"vectors: found an array of {found.shape}; expected ({len(texts)}, d), finite"
        )
    found = found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-300)
    return np.split(found, np.cumsum([len(one.answers) for one in read])[:-1])
