"""What a training of a language model leaves out of its examples, found before the first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dipole.data.examples import Examples, Inputs, Pairs
from dipole.data.preferences import Preferences
from dipole.errors import InputError
from dipole.language.templates import tokens_of

if TYPE_CHECKING:
    from dipole.language.causal import CausalLM


def notes_on(model: CausalLM, examples: Examples) -> list[str]:
    """Which prompts or texts are cut, and how answers end, a line each; every row is looked at.

    Raises InputError at the first row that cannot be read, by its id.
    """
    if isinstance(examples, Preferences):
        return _on_preferences(model, examples)
    if isinstance(examples, Inputs):
        return _on_texts(model, examples, ["input"])
    if isinstance(examples, Pairs) and model.answer_after:
        return _on_texts(model, examples, ["anchor", "positive"])
    return []


def _on_preferences(model: CausalLM, examples: Preferences) -> list[str]:
    cut, ended, first = 0, 0, ""
    where = model.source or "encoder"
    for start in range(0, len(examples), 1024):
        rows = range(start, min(start + 1024, len(examples)))
        ids = examples.take(rows)["id"]
        for id, one in zip(ids, examples.read(rows), strict=True):
            try:
                found = tokens_of(model.tokenizer, one, model.max_length)
            except InputError as error:
                raise InputError(f"{where}: row {id} of the preferences: {error}") from None
            first = first or (f"row {id} by {found.cut:,}" if found.cut else "")
            cut, ended = cut + bool(found.cut), ended + found.ended
    notes = []
    if cut:
        notes.append(
            f"warning: {cut:,} of {len(examples):,} prompts lose their beginning, {first} "
            f"tokens: the model reads {model.max_length:,} with the answer, and no answer is cut"
        )
    if ended:
        notes.append(
            f"warning: the chat template of {model.source or 'the model'} does not end an "
            f"answer with {model.tokenizer.eos_token!r}, the tokenizer's end of text: it is "
            "added"
        )
    return notes


def _on_texts(model: CausalLM, examples: Examples, fields: list[str]) -> list[str]:
    cut, first, most = 0, "", model.max_length
    for field in fields:
        for id, text in zip(examples.ids, examples.column(field), strict=True):
            lost, end = _lost(model, str(text), f"{examples.origin}: row {id}: {field}")
            first = first or (f"row {id} {lost:,} tokens" if lost else "")
            cut += bool(lost)
    if not cut:
        return []
    return [
        f"warning: {cut:,} of {len(fields) * len(examples):,} texts lose their {end}, {first}: the "
        f"model reads {most:,}; expected shorter texts, if all is to be learnt"
    ]


def _lost(model: CausalLM, text: str, where: str) -> tuple[int, str]:
    """How many tokens of a text are not read, and at which end."""
    if not model.answer_after:
        return max(len(model.ids(text)) - model.max_length, 0), "end"
    one = model.split(text)
    if one is None or not one.answers[0].strip():
        found = "no" if one is None else "nothing behind"
        raise InputError(
            f"{where}: found {found} {model.answer_after!r} in {text!r:.60}; expected it, and an "
            "answer behind it (--encoder-option answer_after=TEXT)"
        )
    try:
        return tokens_of(model.tokenizer, one, model.max_length).cut, "beginning"
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
