"""Decoding methods by name, with their options; one of your own is a class in a file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from dipole.data.options import check_names, check_types
from dipole.data.prompts import Prompt
from dipole.declared import Count, Declared, NotNegative, Share, setting
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding.by_rule import Written, write_by_rule
from dipole.language.decoding.choosing import GREEDY, Choice
from dipole.language.decoding.contrastive_search import contrastive_search
from dipole.language.decoding.prompts import the_prompt, tokens_and_room
from dipole.language.decoding.rule import Rule, Stream
from dipole.lookup import find

# Name -> module:class.
METHODS = {
    "acd": "contrasts:ACD",
    "cfg": "contrasts:CFG",
    "cid": "contrasts:CID",
    "contrastive-decoding": "contrasts:ContrastiveDecoding",
    "contrastive-search": "methods:ContrastiveSearch",
    "dola": "contrasts:DoLa",
    "greedy": "methods:Greedy",
    "lol": "contrasts:LOL",
    "sample": "methods:Sample",
}


# (prompts, most new tokens, tokens that end a text, draws) -> an answer to each.
Writer = Callable[[Sequence[Prompt], int, Collection[int], Tensor], list[Written]]


class Method(Declared):
    """How answers are decoded: its options are fields, and `rule` what they mean.

    A method of your own is a subclass in a file, `file.py:Class`, with a `rule`.
    """

    def rule(self, model: CausalLM) -> Rule:
        """The rule for a model that generates."""
        raise NotImplementedError

    def choice(self) -> Choice:
        """How a token is chosen by the rule's scores; here the highest."""
        return GREEDY

    @property
    def draws(self) -> bool:
        """Whether two answers to one prompt may differ."""
        return self.choice().temperature > 0

    def writer(self, model: CausalLM, prompts: Sequence[Prompt]) -> Writer:
        """What writes answers to batches of these prompts; other models are loaded here, once.

        Raises InputError at a prompt that cannot be read, before any is answered.
        """
        rule = self.rule(model)
        rule.check(model)
        for prompt in prompts:
            rule.read(model, prompt)
        return partial(write_by_rule, rule, self.choice(), model)


class Sampled(Method):
    """A method whose tokens may be drawn: see `Choice`."""

    temperature: NotNegative = setting(default=0.0, kw_only=True)
    top_k: Count | None = setting(default=None, kw_only=True)
    top_p: Share = setting(default=1.0, kw_only=True)

    def choice(self) -> Choice:
        """Greedy at temperature 0, else a draw."""
        if self.temperature == 0 and (self.top_k is not None or self.top_p < 1):
            raise InputError(
                "top_k, top_p: found with temperature 0, at which nothing is drawn; expected "
                "temperature=1 beside them"
            )
        return Choice(self.temperature, self.top_k, self.top_p)


class Greedy(Method):
    """The most probable token."""

    def rule(self, model: CausalLM) -> Rule:
        """The model itself."""
        return Rule((Stream(1.0),))


class Sample(Sampled):
    """A token drawn from the model's distribution."""

    temperature: NotNegative = setting(default=1.0, kw_only=True)

    def rule(self, model: CausalLM) -> Rule:
        """The model itself."""
        return Rule((Stream(1.0),))


class ContrastiveSearch(Method):
    """A probable token whose state is unlike those before it (`contrastive_search`)."""

    k: Count = 5
    alpha: Share = 0.6

    def rule(self, model: CausalLM) -> Rule:
        """None: it looks ahead."""
        raise InputError(
            "method: found contrastive-search, which looks ahead of its tokens; expected a method "
            "that only scores them"
        )

    def writer(self, model: CausalLM, prompts: Sequence[Prompt]) -> Writer:
        """What writes answers to batches of these prompts."""
        for prompt in prompts:
            tokens_and_room(model, the_prompt, prompt)

        def write(
            prompts: Sequence[Prompt], most: int, ends: Collection[int], _: Tensor
        ) -> list[Written]:
            return contrastive_search(model, prompts, most, ends, k=self.k, alpha=self.alpha)

        return write


def method(name: str, options: Mapping[str, Any]) -> Method:
    """A method by its name, with its options.

    Raises:
        InputError: no such method or option, with the nearest there is; a value out of its range.

    >>> method("contrastive-search", {"k": 4}).settings()
    {'k': 4, 'alpha': 0.6}
    """
    package = __name__.rpartition(".")[0]
    found: type[Method] = find("method", name, METHODS, base=Method, package=package)
    known = inspect.signature(found).parameters
    check_names(options, known, "option", name)
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in options:
            raise InputError(f"method {name}: found no {key}; expected option {key}=...")
    if not found.declared:
        check_types(found.__init__, options, f"method {name}: option")
    try:
        return found(**options)
    except InputError as error:
        raise InputError(f"method {name}: {error}") from None
