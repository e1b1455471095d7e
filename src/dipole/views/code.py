"""Views of source code: tokens masked, or replaced by what kind of token they are."""

from __future__ import annotations

import keyword
import re
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.kernels.draws import RowGenerator, of_row
from dipole.views.base import View, check_rate

# In this order: a keyword is a name that Python keeps for itself, see `tokens_of`.
_KINDS = {
    "comment": r"#[^\n]*",
    "string": r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
    "number": r"\d[\w.]*",
    "identifier": r"[^\W\d]\w*",
    "operator": r"\*\*|//|->|[=!<>]=|[^\w\s]",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))
KINDS = (*_KINDS, "keyword")
OPERATIONS = ("mask", "replace", "mask-kind", "replace-kind")
# Of the tokens that are masked: become the mask, become any other token of the text; the rest stay.
_MASKED, _OTHER = 0.8, 0.1
# Of the tokens that are replaced by their kind: are; the rest stay.
_REPLACED = 0.8


class Token(NamedTuple):
    """A piece of code and what kind it is, one of `KINDS`."""

    text: str
    kind: str


def tokens_of(code: str) -> list[Token]:
    """The tokens of a piece of Python, which may end anywhere (so no parser is asked).

    >>> [token.kind for token in tokens_of("return x1 + 2")]
    ['keyword', 'identifier', 'operator', 'number']
    """
    found = []
    for match in _TOKEN.finditer(code):
        kind, text = str(match.lastgroup), match.group()
        if kind == "identifier" and keyword.iskeyword(text):
            kind = "keyword"
        found.append(Token(text, kind))
    return found


class SoftCode(View):
    """Tokens of code masked or replaced by their kind; one operation for a whole batch.

        mask          of `rate` of the tokens 80 % become [MASK], 10 % another token, 10 % stay
        replace       of `rate` of the tokens 80 % become their kind: identifier, operator, ...
        mask-kind     mask, among the tokens of one kind, drawn for the batch
        replace-kind  replace, among the tokens of one kind

    The result is tokens with single blanks between. Texts that are no code have words and
    punctuation; `operations` says which to draw from.

    Source: Shi et al. 2022, CoCoSoDa, arXiv 2204.03293; rate 0.15.

    Example:
        >>> view = SoftCode(0.9, operations=["replace"])
        >>> view(["x = 1"], np.random.default_rng(0))
        ['identifier operator number']
    """

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def __init__(self, rate: float = 0.15, *, operations: list[str] | None = None) -> None:
        super().__init__()
        self.rate = check_rate(rate)
        self.operations = list(operations or OPERATIONS)
        for name in self.operations:
            if name not in OPERATIONS:
                raise InputError(
                    f"view option operations: found {name!r}; expected of {', '.join(OPERATIONS)}"
                )

    def forward(self, inputs: list[str], generator: np.random.Generator) -> list[str]:
        """As many texts, each with draws of its own."""
        batch = generator.batch() if isinstance(generator, RowGenerator) else generator
        operation = self.operations[batch.integers(len(self.operations))]
        kind = KINDS[batch.integers(len(KINDS))] if operation.endswith("-kind") else None
        edited = []
        for number, text in enumerate(map(tokens_of, inputs)):
            generator = of_row(generator, number)
            may = np.array([kind in (None, token.kind) for token in text], dtype=bool)
            chosen = may & (generator.random(len(text)) < self.rate)
            fate = generator.random(len(text))
            words = [token.text for token in text]
            for i in np.flatnonzero(chosen):
                if operation.startswith("replace"):
                    words[i] = text[i].kind if fate[i] < _REPLACED else words[i]
                elif fate[i] < _MASKED:
                    words[i] = "[MASK]"
                elif fate[i] < _MASKED + _OTHER:
                    words[i] = text[generator.integers(len(text))].text
            edited.append(" ".join(words))
        return edited
