"""Text from a language model by a method: the Python call behind `dipole generate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from dipole.data.inputs import batch_of, whole_number
from dipole.data.prompts import Prompt, Prompts, Text, load_prompts
from dipole.encoders.precision import Precision, at_precision
from dipole.errors import InputError
from dipole.kernels.draws import keys, uniform
from dipole.language.causal import CausalLM
from dipole.language.decoding.methods import Method
from dipole.language.decoding.methods import method as named
from dipole.progress import counting


@dataclass(frozen=True)
class Generated:
    """An answer: the id and the text of its prompt, which sample it is, its text and its number of
    tokens; finish: `end` (of the text), `length` (max_new_tokens) or `context` (the model reads no
    more)."""

    id: str
    prompt: Text
    sample: int
    text: str
    tokens: int
    finish: str

    def to_json(self) -> dict[str, Any]:
        """A row of the file that `dipole generate` writes."""
        return asdict(self)


def generate(
    model: CausalLM | str,
    prompts: Any,
    method: str | Method = "greedy",
    *,
    max_new_tokens: int = 128,
    samples: int = 1,
    batch_size: int = 16,
    seed: int = 0,
    precision: Precision = "float32",
    show_progress: bool = False,
    **options: Any,
) -> list[Generated]:
    """Answers of a language model to prompts.

    Args:
        model: a `CausalLM`, or the name of a folder, run or hub id.
        prompts: texts, conversations (lists of {"role", "content"}) or `Prompt`s in a list, or what
            `dipole.data.prompts.load_prompts` reads. Texts are read as they are; conversations go
            through the chat template.
        method: greedy, sample, contrastive-search, contrastive-decoding, dola, lol, acd, cid, cfg,
            `file.py:Class`, or a `Method`.
        options: of the method by its name, as k=4, alpha=0.6.
        max_new_tokens: the most tokens of an answer, which ends before at an end of text.
        samples: answers to each prompt; more than one where tokens are drawn.
        batch_size: prompts that are read together, those of similar length.
        seed: of the draws, which depend on (seed, prompt's place, sample, token) and so neither on
            the batch nor on the other prompts.
        precision: float32, bfloat16, or auto (whichever computes faster here).

    Returns:
        answers in the order of the prompts, the samples of each together.

    Raises:
        InputError: no such method or option; a prompt that leaves no room for an answer; another
            model whose vocabulary is not the model's; a prompt without the contrast that the
            method reads; several samples of a method that draws nothing.

    Example:
        >>> generate("FOLDER", ["The sea is"], "contrastive-search", k=4)  # doctest: +SKIP
    """
    task = task_of(
        model, prompts, method, max_new_tokens=max_new_tokens, samples=samples,
        batch_size=batch_size, seed=seed, precision=precision, **options,
    )  # fmt: skip
    found: dict[int, Generated] = {}
    with counting("answers", len(task), show_progress) as advance:
        for batch in task.batches():
            found |= batch
            advance(len(batch))
    return [found[place] for place in range(len(task))]


@dataclass(frozen=True)
class Task:
    """What is to be answered, and how: the arguments of `generate`, looked at and loaded."""

    model: CausalLM
    prompts: list[Prompt]
    method: Method
    max_new_tokens: int
    samples: int
    batch_size: int
    seed: int
    precision: Precision

    def __len__(self) -> int:
        return len(self.prompts) * self.samples

    def batches(self, start: int = 0) -> Iterator[dict[int, Generated]]:
        """The answers of every batch from `start` on, each by its place among all."""
        model, samples = self.model, self.samples
        write = self.method.writer(model, self.prompts)
        rows = np.arange(len(self.prompts)).repeat(samples)
        numbers = np.tile(np.arange(samples), len(self.prompts))
        most = min(self.max_new_tokens, model.max_length)
        ends = ends_of(model)
        order = sorted(range(len(rows)), key=lambda i: -_size(self.prompts[rows[i]]))
        for begin in range(start * self.batch_size, len(order), self.batch_size):
            batch = order[begin : begin + self.batch_size]
            own = [self.prompts[rows[i]] for i in batch]
            draws = uniform(keys((self.seed,), rows[batch], numbers[batch]), most)
            with torch.inference_mode(), at_precision(model.device, self.precision):
                written = write(own, most, ends, draws)
            found = {}
            for i, prompt, (tokens, finish) in zip(batch, own, written, strict=True):
                text = model.tokenizer.decode(tokens, skip_special_tokens=True)
                sample = i % samples
                found[i] = Generated(prompt.id, prompt.text, sample, text, len(tokens), finish)
            yield found


def task_of(
    model: CausalLM | str,
    prompts: Any,
    method: str | Method = "greedy",
    *,
    max_new_tokens: int = 128,
    samples: int = 1,
    batch_size: int = 16,
    seed: int = 0,
    precision: Precision = "float32",
    **options: Any,
) -> Task:
    """The task that `generate` is given. Raises what `generate` does."""
    for name, value in {"max_new_tokens": max_new_tokens, "samples": samples,
                        "batch_size": batch_size}.items():  # fmt: skip
        whole_number(value, name, 1)
    whole_number(seed, "seed", 0)
    if isinstance(method, Method) and options:
        raise InputError(
            f"option {next(iter(options))!r}: found beside a {type(method).__name__}, which has "
            "its own; expected none"
        )
    how = method if isinstance(method, Method) else named(method, options)
    if samples > 1 and not how.draws:
        raise InputError(
            f"samples: found {samples}, and the method draws nothing: all would be one; expected "
            "1, or a temperature above 0 (method sample)"
        )
    model = model if isinstance(model, CausalLM) else CausalLM.load(model)
    asked = prompts_of(prompts)
    return Task(model, asked, how, max_new_tokens, samples, batch_size, seed, precision)


def prompts_of(prompts: Any) -> list[Prompt]:
    """Prompts from whatever `generate` takes."""
    if isinstance(prompts, Prompts):
        return prompts.read(range(len(prompts)))
    if not isinstance(prompts, str) and not hasattr(prompts, "columns"):
        given = batch_of(prompts, "prompts")
        if all(isinstance(one, str | list | Prompt) for one in given):
            return [one if isinstance(one, Prompt) else Prompt(one, None, str(i))
                    for i, one in enumerate(given)]  # fmt: skip
    return prompts_of(load_prompts(prompts))


def ends_of(model: CausalLM) -> frozenset[int]:
    """The tokens that end a text: the tokenizer's, and those of the model's generation config."""
    own = getattr(getattr(model.model, "generation_config", None), "eos_token_id", None)
    several: Sequence[Any] = own if isinstance(own, list) else [own]
    return frozenset(i for i in (*several, model.tokenizer.eos_token_id) if i is not None)


def _size(prompt: Prompt) -> int:
    text = prompt.text
    return len(text) if isinstance(text, str) else sum(len(one["content"]) for one in text)
