"""What decides the next token: a weighted sum of log-probabilities, over plausible tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding.early import farthest
from dipole.language.decoding.prompts import Prompt, Reads, the_prompt, tokens_and_room
from dipole.language.decoding.reading import Reader

Combine = Callable[[Sequence[Tensor], Sequence[float]], Tensor]


def weighted(log_probs: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """sum_i w_i log p_i; a stream of weight 0 adds nothing, not even 0 times infinity."""
    return sum((w * x for w, x in zip(weights, log_probs, strict=True) if w),
               torch.zeros_like(log_probs[0]))  # fmt: skip


def plausible(log_probs: Tensor, share: float) -> Tensor:
    """Which tokens have p(v) >= share * max_w p(w), bool; of share 0 all that are possible."""
    if share == 0:
        return log_probs > -torch.inf
    return log_probs >= log_probs.amax(-1, keepdim=True) + math.log(share)


@dataclass(frozen=True)
class Stream:
    """A next-token distribution that a rule adds up.

    Args:
        weight: of its log-probabilities in the sum; negative: what it likes is avoided.
        model: whose distribution; not given: the model that generates.
        reads: from a tokenizer and a prompt to the tokens that it reads before the answer.
        early: by the early layer that the rule chooses instead of by the last.
        prefix: vectors (m, d) in front of what it reads (a soft prompt).
    """

    weight: float
    model: CausalLM | None = None
    reads: Reads = the_prompt
    early: bool = False
    prefix: Tensor | None = None


@dataclass(frozen=True)
class Rule:
    """Scores of the next token v, over several streams:

        S(v) = sum_i w_i log p_i(v)   if p_1(v) >= share * max_w p_1(w),   -inf otherwise

    The highest is taken, or one is drawn from softmax(S). Log-probabilities stand in the place of
    logits: within a row the two differ by a constant, and sums of several models are comparable.

    Args:
        streams: the first one says which tokens are plausible.
        plausible: the share; 0: every token is.
        layers: of the streams that are `early`; of several the one whose distribution is farthest
            from that of the first stream, at each token (dynamic DoLa). One layer is static.
        published: by the divergence of DoLa's published code (`early.divergences`).
        combine: (log-probabilities, weights) -> scores, where a sum does not say it.
    """

    streams: tuple[Stream, ...]
    plausible: float = 0.0
    layers: tuple[int, ...] = ()
    published: bool = False
    combine: Combine = weighted

    def scores(self, log_probs: Sequence[Tensor]) -> Tensor:
        """S of every token, (n, vocabulary), from log-probabilities of each stream, in order."""
        found = self.combine(log_probs, [stream.weight for stream in self.streams])
        return found.masked_fill(~plausible(log_probs[0], self.plausible), -torch.inf)

    def check(self, model: CausalLM) -> None:
        """Raise InputError at a model with another vocabulary, or without the early layers."""
        for stream in self.streams:
            own = stream.model or model
            if own is not model:
                check_vocabulary(model, own)
            depth = int(own.model.config.num_hidden_layers)
            if self.layers and stream.early and max(self.layers) >= depth:
                raise InputError(
                    f"{named(own)}: found {depth} layers; expected more than the "
                    f"early layer {max(self.layers)}"
                )

    def read(self, model: CausalLM, prompt: Prompt) -> tuple[list[list[int]], int]:
        """What each stream reads of a prompt, and how many new tokens all can read behind it."""
        found = [
            tokens_and_room(
                stream.model or model,
                stream.reads,
                prompt,
                0 if stream.prefix is None else len(stream.prefix),
            )
            for stream in self.streams
        ]
        return [tokens for tokens, _ in found], min(room for _, room in found)

    def __post_init__(self) -> None:
        if not self.streams or self.streams[0].early:
            raise InputError("rule: found no first stream of a last layer; expected one")
        if not self.layers and any(stream.early for stream in self.streams):
            raise InputError("rule: found an early stream and no layers; expected layers=")


class Running:
    """A rule at work on a batch of prompts: streams that read the same share their model's reader.

    given: whether the logits of the model after the prompt itself come from outside
    (`scores(logits)`): they then need no reader, unless an early layer does.
    """

    def __init__(
        self, rule: Rule, model: CausalLM, prompts: Sequence[Prompt], *, given: bool = False
    ) -> None:
        self.rule = rule
        self._keys = [_key(stream) for stream in rule.streams]
        self._readers: dict[object, Reader] = {}
        read = [rule.read(model, prompt) for prompt in prompts]
        self.room = [room for _, room in read]
        pairs = list(zip(self._keys, rule.streams, strict=True))
        early = {key for key, stream in pairs if stream.early}
        if early:  # the layer is chosen by the first stream's own
            early.add(self._keys[0])
        needed = {key for key in self._keys if not given or key != PLAIN} | early
        for place, (key, stream) in enumerate(pairs):
            if key in needed and key not in self._readers:
                layers = rule.layers if key in early else ()
                rows = [tokens[place] for tokens, _ in read]
                self._readers[key] = Reader(
                    stream.model or model, rows, layers=layers, prefix=stream.prefix
                )

    # The most new tokens of each prompt that all models can read.
    room: list[int]

    def scores(self, logits: Tensor | None = None) -> Tensor:
        """S of the next token, (n, vocabulary) float32; logits: those that come from outside."""
        rule = self.rule
        last = {
            key: reader.logits()
            for key, reader in self._readers.items()
            if logits is None or key != PLAIN
        }
        if logits is not None:
            last[PLAIN] = logits.float()
        size = min(found.shape[-1] for found in last.values())
        normed = {key: found[:, :size].log_softmax(-1) for key, found in last.items()}
        first = normed[self._keys[0]]
        chosen = None
        log_probs = []
        for key, stream in zip(self._keys, rule.streams, strict=True):
            if not stream.early:
                log_probs.append(normed[key])
                continue
            if chosen is None:
                candidates = self._early(self._keys[0], size)
                chosen = farthest(first, candidates, published=rule.published)
            own = torch.stack(self._early(key, size), 1)
            log_probs.append(own[torch.arange(len(own), device=own.device), chosen])
        return rule.scores(log_probs)

    def read(self, tokens: Tensor) -> None:
        """Let every stream read one more token in each row, (n,)."""
        for reader in self._readers.values():
            reader.read(tokens)

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        for reader in self._readers.values():
            reader.select(rows)

    def _early(self, key: object, size: int) -> list[Tensor]:
        reader = self._readers[key]
        return [reader.logits(layer)[:, :size].log_softmax(-1) for layer in self.rule.layers]


def check_vocabulary(model: CausalLM, other: CausalLM) -> None:
    """Raise InputError unless two models have the same tokens under the same numbers."""
    ours, theirs = model.tokenizer.get_vocab(), other.tokenizer.get_vocab()
    if ours == theirs:
        return
    token = next(
        token
        for token in sorted({*ours, *theirs}, key=lambda t: ours.get(t, len(ours)))
        if ours.get(token) != theirs.get(token)
    )
    numbers = " and ".join(
        f"{'no token' if token not in known else f'token {known[token]}'} of {name}"
        for known, name in ((ours, named(model)), (theirs, named(other)))
    )
    raise InputError(
        f"{named(other)}: found another vocabulary ({token!r} is {numbers}); expected a model with "
        "the same tokenizer"
    )


def named(model: CausalLM) -> str:
    """How messages call a model."""
    return model.source or "a model of this process"


def _key(stream: Stream) -> object:
    return (id(stream.model), stream.reads, id(stream.prefix))


PLAIN = _key(Stream(1.0))
