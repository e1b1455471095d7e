"""Tokens that say whether a text is a query or a document, and how much of a text they leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dipole.data.inputs import whole_number
from dipole.encoders.st_multi_vector import MultiVectorSettings
from dipole.encoders.text_limits import longest
from dipole.encoders.transformers_io import quiet
from dipole.errors import InputError


def token_id(tokenizer: Any, word: str) -> int | None:
    """The number of a token; None of "" and of a word that is none."""
    found = tokenizer.convert_tokens_to_ids(word) if word else None
    if found is None or (found == tokenizer.unk_token_id and word != tokenizer.unk_token):
        return None
    return int(found)


def add_tokens(transformer: Any, tokenizer: Any, words: Sequence[str]) -> None:
    """Tokens that the tokenizer lacks, with embeddings drawn as transformers does."""
    missing = [word for word in dict.fromkeys(words) if word and token_id(tokenizer, word) is None]
    if not missing:
        return
    tokenizer.add_tokens(missing)
    if len(tokenizer) > transformer.get_input_embeddings().num_embeddings:
        with quiet():
            transformer.resize_token_embeddings(len(tokenizer))


def text_length(transformer: Any, tokenizer: Any, wanted: int | None, name: str) -> int:
    """The most tokens of a text with its prefix: at most so many, and what the positions allow."""
    least = tokenizer.num_special_tokens_to_add(pair=False) + 2
    if wanted is not None and whole_number(wanted, name, 0) < least:
        raise InputError(f"{name} is {wanted}; expected at least {least} (special tokens, prefix "
                         "and one of the text)")  # fmt: skip
    return longest(transformer, tokenizer, wanted)


def prompts_to_prefixes(saved: MultiVectorSettings, tokenizer: Any) -> None:
    """A prompt of one token, as sentence-transformers keeps a prefix, as that prefix: PyLate reads
    it too. Only where the token comes to stand behind the first."""
    places = list(saved.prefixes)
    for i, role in enumerate(("query", "document")):
        prompt = saved.prompts.get(role, "")
        if places[i] or not prompt:
            continue
        number = token_id(tokenizer, prompt)
        plain, whole = tokenizer("a")["input_ids"], tokenizer(prompt + "a")["input_ids"]
        if number is not None and whole == [*plain[:1], number, *plain[1:]]:
            places[i] = prompt
            saved.prompts = saved.prompts | {role: ""}
    saved.prefixes = (places[0], places[1])
