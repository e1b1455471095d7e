"""What the streams of a rule read before the answer: the prompt, and what can be made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dipole.data.prompts import Prompt, Text
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.templates import prompt_tokens

# From a tokenizer and a prompt to token ids.
Reads = Callable[[Any, Prompt], list[int]]


def the_prompt(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The prompt as it is; a conversation by the chat template, up to where the answer begins."""
    return prompt_tokens(tokenizer, prompt.text)


def the_contrast(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The other prompt of the row (CID)."""
    if prompt.contrast is None:
        raise InputError(
            "found no contrast; expected a prompt with another one to contrast it with: a column "
            "'contrast', or Prompt(text, contrast)"
        )
    return prompt_tokens(tokenizer, prompt.contrast)


def the_last_token(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The last token of the prompt alone: the model without a condition."""
    return the_prompt(tokenizer, prompt)[-1:]


@dataclass(frozen=True)
class Instructed:
    """The prompt behind an instruction: before a text, as the system message of a conversation."""

    instruction: str

    def __call__(self, tokenizer: Any, prompt: Prompt) -> list[int]:
        """Token ids of both."""
        text: Text
        if isinstance(prompt.text, str):
            text = self.instruction + prompt.text
        else:
            text = [{"role": "system", "content": self.instruction}, *prompt.text]
        return prompt_tokens(tokenizer, text)


def tokens_and_room(
    model: CausalLM, reads: Reads, prompt: Prompt, prefix: int = 0
) -> tuple[list[int], int]:
    """What a model reads of a prompt, and how many new tokens it can read behind it.

    Raises InputError with the prompt's id where there is no room for one.
    """
    try:
        tokens = reads(model.tokenizer, prompt)
        room = model.max_length - len(tokens) - prefix
        if room < 1:
            raise InputError(
                f"found {len(tokens) + prefix:,} tokens, and {model.source or 'the model'} reads "
                f"{model.max_length:,} with at least one of the answer; expected a shorter prompt, "
                "or a model that reads more"
            )
    except InputError as error:
        raise InputError(f"prompt {prompt.id}: {error}") from None
    return tokens, room
