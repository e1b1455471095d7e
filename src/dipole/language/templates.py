"""From a prompt and its answers to tokens: the chat template, the end of a text, what is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from dipole.data.preferences import Answers, Message
from dipole.errors import InputError

# Marks of turns in the templates of well-known models.
_MARKS = re.compile(
    r"<\|im_start\|>|<\|im_end\|>|<\|start_header_id\|>|<\|eot_id\|>|<\|user\|>|<\|assistant\|>"
    r"|<start_of_turn>|<end_of_turn>|\[/?INST\]"
)


class Tokens(NamedTuple):
    """Token ids of a prompt and of its answers, each with its end; cut: how many of the prompt's
    are gone, from the left; ended: whether the end had to be added to what a template made."""

    prompt: list[int]
    answers: list[list[int]]
    cut: int = 0
    ended: bool = False


def tokens_of(tokenizer: Any, one: Answers, longest: int) -> Tokens:
    """The tokens of a prompt and its answers, `longest` at most with each of them.

    Texts are read as they are: the tokens of the prompt (with what the tokenizer puts before a
    text), those of an answer apart, and the end of text. Conversations go through the chat
    template, and an answer is what it adds, up to its end. No answer is ever cut: where prompt and
    answer are too long together the prompt loses its beginning, the same part for all answers.

    Raises:
        InputError: a tokenizer without an end of text; conversations without a chat template; a
            template that cannot take them; marks of another model's template in a text; an answer
            that leaves no room for a token of its prompt.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise InputError(
            "its tokenizer has no end of text (eos_token), and answers would not end; expected "
            "one with an eos_token in tokenizer_config.json"
        )
    if isinstance(one.prompt, str):
        prompt, answers, ended = *_plain(tokenizer, one.prompt, one.answers, end), False
    else:
        prompt, answers, ended = _by_template(tokenizer, one.prompt, one.answers, end)
    room = longest - max(map(len, answers))
    if room < 1:
        raise InputError(
            f"found an answer of {max(map(len, answers)):,} tokens, and the model reads "
            f"{longest:,} with at least one of the prompt; expected shorter answers, or a model "
            "that reads more (an answer is never cut)"
        )
    return Tokens(prompt[-room:], answers, max(len(prompt) - room, 0), ended)


def prompt_tokens(tokenizer: Any, prompt: str | list[Message]) -> list[int]:
    """The tokens of a prompt that an answer is to follow: a text as it is, a conversation by the
    chat template.

    Raises InputError where it has none, and as `tokens_of`.
    """
    if not isinstance(prompt, str):
        _check_template(tokenizer)
        return _ids(tokenizer, _rendered(tokenizer, prompt, asks=True))
    _check_marks(tokenizer, prompt)
    before = list(tokenizer(prompt)["input_ids"])
    end = tokenizer.eos_token_id
    if before and before[-1] == end and not prompt.endswith(tokenizer.eos_token):
        before.pop()  # put there by a tokenizer that ends every text
    if not before:
        raise InputError(f"found the prompt {prompt!r:.40}, which has no tokens; expected some")
    return before


def _plain(
    tokenizer: Any, prompt: str, answers: Sequence[str], end: int
) -> tuple[list[int], list[list[int]]]:
    before = prompt_tokens(tokenizer, prompt)
    for text in answers:
        _check_marks(tokenizer, text)
    after = [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in answers]
    return before, [ids if ids[-1:] == [end] else [*ids, end] for ids in after]


def _by_template(
    tokenizer: Any, prompt: list[Message], answers: Sequence[list[Message]], end: int
) -> tuple[list[int], list[list[int]], bool]:
    _check_template(tokenizer)
    before = _rendered(tokenizer, prompt, asks=True)
    after, ended = [], False
    for answer in answers:
        whole = _rendered(tokenizer, [*prompt, *answer], asks=False)
        if not whole.startswith(before):
            raise InputError(
                "its chat template writes the prompt another way once there is an answer; "
                "expected a template that adds the answer to the prompt"
            )
        ids = _ids(tokenizer, whole[len(before) :])
        if end in ids:  # what a template puts behind the end, the model never says
            ids = ids[: len(ids) - ids[::-1].index(end)]
        else:
            ids, ended = [*ids, end], True
        after.append(ids)
    return _ids(tokenizer, before), after, ended


def _check_template(tokenizer: Any) -> None:
    if not tokenizer.chat_template:
        raise InputError(
            "the data are conversations, and its tokenizer has no chat template; expected a model "
            "with one, or texts"
        )


def _rendered(tokenizer: Any, messages: list[Message], *, asks: bool) -> str:
    try:
        found: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=asks
        )
    except Exception as error:  # a template is a program, and may raise anything
        roles = ", ".join(message["role"] for message in messages)
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"its chat template does not take a conversation of {roles} ({line}); expected roles "
            "that it knows"
        ) from None
    return found


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _check_marks(tokenizer: Any, text: str) -> None:
    """Raise InputError where a text has marks of a template that the tokenizer does not know."""
    found = _MARKS.search(text)
    if found is None:
        return
    mark = found[0]
    if mark in tokenizer.get_vocab() or mark in str(tokenizer.chat_template or ""):
        return
    raise InputError(
        f"found {mark!r} in a text, a mark of another model's chat template, which its tokenizer "
        'reads letter by letter; expected messages ({"role", "content"}), or texts without it'
    )
