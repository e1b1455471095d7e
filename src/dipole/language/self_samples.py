"""Preferences that a training makes before its first step: answers of a model, judged and chosen.

Each is a function for `mine`, so it can stand in every stage: `--mine source=self-samples`. What it
made is the run's `mined.jsonl`, and `mined.json` beside it says of what.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from dipole.data import Examples
from dipole.data.preferences import Answers, Dialogues, Preferences
from dipole.data.prompts import Prompt
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.rewards import reward_of, vectors_of
from dipole.lookup import find, is_place
from dipole.sampling.answer_choice import OF_VECTORS, Choice, choice
from dipole.showing import say

Keep = Literal["none", "worst", "all"]


def self_samples(
    examples: Examples,
    encoder: Encoder,
    *,
    seed: int = 0,
    show_progress: bool = False,
    samples: int = 2,
    reward: str = "",
    choose: str = "all",
    count: int = 1,
    keep: Keep = "none",
    model: str = "",
    judge: str = "",
    vectors: str = "",
    draw: int = 0,
    temperature: float = 1.0,
    max_new_tokens: int = 128,
) -> Preferences:
    """Answers that a model draws to the prompts of the examples, rated, the best first.

    Equal answers to a prompt count once; a prompt that has fewer than two answers, or answers that
    are all rated alike, is left out. Without a reward each answer counts 1: what is there to hold
    against answers of the data that are kept.

    Args:
        samples: answers to draw for each prompt.
        reward: what rates them: bradley-terry, implicit or file.py:function (`rewards.reward_of`).
        choose: which of them to keep: all, ends (the best and the worst), random (any two), or by
            `sampling.answer_choice` bottom, clusters, covering, unlike, alike, centres; count: the
            rejected answers to keep with bottom, clusters and covering.
        keep: answers of the data to add: none, the worst of each prompt, or all.
        model: who draws; not given: the model in training, as it is now.
        judge: whose vectors bradley-terry reads, the reference of implicit; not given: the model in
            training. Both may be `stage:0`, the model before the first stage, `stage:1` ...
        vectors: what embeds answers for a choice that compares them: an encoder, or file.py:name, a
            function of texts; not given: the model in training.
        draw: another number, other answers of the same model.
    """
    given, seed = _preferences(examples), _mixed(seed, draw)
    if samples < 1:
        raise InputError(f"samples: found {samples}; expected 1 or more")
    if not reward and keep == "none":
        raise InputError("reward: found none; expected bradley-terry, implicit or file.py:function")
    _check_choice(choose, count)  # before hours of writing, as the reward is
    rate = None
    if reward:
        rate = reward_of(reward, given, encoder, _loaded(judge) if judge else encoder)
    writer = _loaded(model) if model else encoder
    prompts = [one.prompt for one in given.read(range(len(given)))]
    written = _written(writer, prompts, samples, seed, temperature, max_new_tokens, show_progress)
    if isinstance(encoder, CausalLM):
        written = _readable(encoder, prompts, written, show_progress)
    answers = _with_given(given, written, keep)
    rewards = [np.array(row) for row in answers.column("ratings")]
    if rate is not None:
        rewards = rate(answers)
    chosen = _chosen(answers, rewards, encoder, choose, count, vectors, seed)
    if show_progress:
        say(f"self-samples: {len(chosen):,} of {len(given):,} prompts are learnt from", error=True)
    return chosen


def chosen_answers(
    examples: Examples,
    encoder: Encoder,
    *,
    seed: int = 0,
    show_progress: bool = False,
    choose: str = "unlike",
    count: int = 1,
    share: float = 1.0,
    vectors: str = "",
) -> Preferences:
    """Those of the given answers that are worth comparing, as `self_samples` chooses.

    share: of the rows that are left, keep this share, those whose first and last answer are least
    alike (most alike where `choose` is alike, any where it is random).
    """
    given = _preferences(examples)
    if not 0 < share <= 1:
        raise InputError(f"share: found {share:g}; expected above 0, and 1 at most")
    rewards = [np.array(row) for row in given.column("ratings")]
    found = _chosen(given, rewards, encoder, choose, count, vectors, seed)
    if share < 1:
        alike = [float(v[0] @ v[-1]) for v in _embedded(found, encoder, vectors)]
        order = np.array(alike) * (-1 if choose == "alike" else 1)
        if choose == "random":
            order = np.random.default_rng(_mixed(seed, 1)).random(len(alike))
        rows = np.sort(np.argsort(order, kind="stable")[: max(1, round(share * len(found)))])
        found = found.select(rows)
    if show_progress:
        say(f"chosen answers: {len(found):,} of {len(given):,} prompts", error=True)
    return found


def rescored(
    examples: Examples,
    encoder: Encoder,
    *,
    reward: str = "bradley-terry",
    judge: str = "",
    reorder: bool = False,
) -> Preferences:
    """The same answers with the ratings of a reward, in the order that the data have, or with
    `reorder` in that of the reward."""
    given = _preferences(examples)
    found = reward_of(reward, given, encoder, _loaded(judge) if judge else encoder)(given)
    orders = [np.argsort(-row, kind="stable") if reorder else np.arange(len(row)) for row in found]
    columns = {
        "prompt": list(given.column("prompt")),
        "answers": [
            [row[i] for i in order]
            for row, order in zip(given.column("answers"), orders, strict=True)
        ],
        "ratings": [row[order].tolist() for row, order in zip(found, orders, strict=True)],
    }
    return type(given).from_columns(columns, ids=list(given.ids), origin=given.origin)


def _preferences(examples: Examples) -> Preferences:
    if not isinstance(examples, Preferences):
        raise InputError(
            f"mine: found {type(examples).__name__} ({examples.origin}); expected preferences: "
            "prompts and answers to them"
        )
    return examples


def _mixed(seed: int, draw: int) -> int:
    return int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])


def _loaded(model: str) -> Encoder:
    from dipole.encoders import load_encoder

    return load_encoder(model if ":" in model else f"lm:{model}")


def _written(
    writer: Encoder,
    prompts: Sequence[Any],
    samples: int,
    seed: int,
    temperature: float,
    most: int,
    show_progress: bool,
) -> list[list[Any]]:
    """The answers of a model, `samples` to each prompt: of a language model texts, or of
    conversations a message each; of another what its method `write_answers` gives."""
    if not isinstance(writer, CausalLM):
        write = getattr(writer, "write_answers", None)
        if write is None:
            raise InputError(
                f"self-samples: found {type(writer).__name__}, which writes no answers; expected a "
                "language model (--encoder lm:FOLDER)"
            )
        found: list[list[Any]] = write(prompts, samples, seed)
        return found
    from dipole.language.decoding import generate

    asked = [Prompt(prompt, None, str(i)) for i, prompt in enumerate(prompts)]
    made = generate(
        writer, asked, "sample", temperature=temperature, samples=samples, seed=seed,
        max_new_tokens=most, show_progress=show_progress,
    )  # fmt: skip
    cut = sum(one.finish == "length" for one in made)
    if show_progress and cut:
        say(
            f"self-samples: {cut:,} of {len(made):,} answers were cut after {most} tokens, and "
            "are learnt as if they ended there (max_new_tokens)",
            error=True,
        )
    texts = [made[i : i + samples] for i in range(0, len(made), samples)]
    return [
        [
            one.text if isinstance(prompt, str) else [{"role": "assistant", "content": one.text}]
            for one in row
            if one.text.strip()
        ]
        for prompt, row in zip(prompts, texts, strict=True)
    ]


def _readable(
    encoder: CausalLM, prompts: Sequence[Any], written: list[list[Any]], show_progress: bool
) -> list[list[Any]]:
    """The answers that the model in training can read behind their prompts: as a text one may have
    more tokens than it was written with, or marks that the tokenizer does not know."""

    def fits(prompt: Any, answer: Any) -> bool:
        try:
            encoder.tokens(Answers(prompt, [answer]))
        except InputError:
            return False
        return True

    kept = [
        [answer for answer in row if fits(prompt, answer)]
        for prompt, row in zip(prompts, written, strict=True)
    ]
    lost = sum(map(len, written)) - sum(map(len, kept))
    if show_progress and lost:
        say(
            f"self-samples: {lost:,} answers are left out: as texts they are longer than the model "
            "reads, or have marks that it does not know",
            error=True,
        )
    return kept


def _with_given(given: Preferences, written: list[list[Any]], keep: Keep) -> Preferences:
    """What was written, each answer once and rated 1, and those of the data that are kept."""
    is_dialogue = isinstance(given, Dialogues)

    def as_kept(answer: Any) -> str:
        return json.dumps(answer, ensure_ascii=False) if is_dialogue else str(answer)

    answers, ratings = [], []
    for own, others, rated in zip(
        written, given.column("answers"), given.column("ratings"), strict=True
    ):
        first = {"none": len(others), "worst": len(others) - 1, "all": 0}[keep]
        kept = dict(zip(others[first:], rated[first:], strict=True))
        found = dict.fromkeys(map(as_kept, own), 1.0) | kept
        answers.append(list(found))
        ratings.append(list(found.values()))
    prompts = list(given.column("prompt"))
    columns = {"prompt": prompts, "answers": answers, "ratings": ratings}
    origin = f"answers to the prompts of {given.origin}"
    return type(given).from_columns(columns, ids=list(given.ids), origin=origin)


def _check_choice(choose: str, count: int) -> Choice:
    if count < 1:
        raise InputError(f"count: found {count}; expected 1 or more")
    return choice(choose)


def _chosen(
    answers: Preferences,
    rewards: Sequence[np.ndarray],
    encoder: Encoder,
    choose: str,
    count: int,
    vectors: str,
    seed: int,
) -> Preferences:
    """The answers that are chosen, the best first; without prompts that have nothing to compare."""
    pick = _check_choice(choose, count)
    rows = [row for row, worth in enumerate(rewards) if len(set(worth.tolist())) > 1]
    some = answers.select(np.array(rows, dtype=np.int64))
    embedded = _embedded(some, encoder, vectors) if choose in OF_VECTORS else None
    columns: dict[str, list[Any]] = {name: [] for name in answers.FIELDS}
    taken, ids = some.take(range(len(some))), []
    for number, row in enumerate(rows):
        worth, texts = rewards[row], list(taken["answers"][number])
        near = np.empty((len(worth), 0)) if embedded is None else embedded[number]
        own = np.random.default_rng([seed, row])
        # The best stands first, and of two that are equally near the first is taken: so shuffled.
        order = own.permutation(len(worth))
        picked = [int(order[i]) for i in pick(worth[order], near[order], count, own)]
        found = [i for _, i in sorted((-float(worth[i]), i) for i in picked)]
        if worth[found[0]] == worth[found[-1]]:
            continue
        ids.append(taken["id"][number])
        columns["prompt"].append(taken["prompt"][number])
        columns["answers"].append([texts[i] for i in found])
        columns["ratings"].append([float(worth[i]) for i in found])
    if not ids:
        raise InputError(
            f"mine: {answers.origin}: found no prompt with two answers that differ in their "
            "rating; expected some (more samples, a higher temperature, another reward)"
        )
    return type(answers).from_columns(columns, ids=ids, origin=answers.origin)


def _embedded(answers: Preferences, encoder: Encoder, vectors: str) -> list[np.ndarray]:
    if is_place(vectors):
        return vectors_of(answers, find("vectors", vectors, {}))
    from dipole.encoders import load_encoder

    return vectors_of(answers, (load_encoder(vectors) if vectors else encoder).encode)
