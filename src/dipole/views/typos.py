"""Texts as people mistype them, or as a scanner misreads them: one wrong letter in some words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np

from dipole.errors import InputError
from dipole.kernels.draws import of_row
from dipole.views.base import View, check_rate

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# The rows of a keyboard; each begins so many keys' widths further right.
_ROWS = (("1234567890", 0.0), ("qwertyuiop", 0.5), ("asdfghjkl", 0.75), ("zxcvbnm", 1.25))
# What looks alike on paper.
_ALIKE = ("0o", "1il", "2z", "5s", "6b", "8b", "9gq", "ce", "hb", "nu", "uv", "vy", "rn", "tf")


def _near() -> dict[str, str]:
    """Each key with those that touch it."""
    places = {
        key: (column + left, row)
        for row, (keys, left) in enumerate(_ROWS)
        for column, key in enumerate(keys)
    }
    return {
        key: "".join(
            other
            for other, (u, v) in places.items()
            if other != key and abs(u - x) <= 1 and abs(v - y) <= 1
        )
        for key, (x, y) in places.items()
    }


NEAR = _near()
ALIKE = {
    letter: "".join(sorted({x for group in _ALIKE if letter in group for x in group} - {letter}))
    for letter in sorted(set("".join(_ALIKE)))
}


def _of_table(table: dict[str, str]) -> Callable[[str, np.random.Generator], str]:
    """One letter that the table knows becomes one of those it has for it."""

    def edit(word: str, rng: np.random.Generator) -> str:
        known = [i for i, letter in enumerate(word) if letter.lower() in table]
        if not known:
            return word
        place = known[int(rng.integers(len(known)))]
        others = table[word[place].lower()]
        return _with(word, place, others[int(rng.integers(len(others)))])

    return edit


def _swap(word: str, rng: np.random.Generator) -> str:
    """Two neighbours that differ change places."""
    apart = [i for i in range(len(word) - 1) if word[i] != word[i + 1]]
    if not apart:
        return word
    i = apart[int(rng.integers(len(apart)))]
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _insert(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(word) + 1))
    return word[:place] + LETTERS[int(rng.integers(26))] + word[place:]


def _delete(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(word)))
    return word[:place] + word[place + 1 :]


def _substitute(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(word)))
    others = LETTERS.replace(word[place].lower(), "")
    return _with(word, place, others[int(rng.integers(len(others)))])


def _with(word: str, place: int, letter: str) -> str:
    """A word with another letter at a place, in the case of the one that stood there."""
    other = letter.upper() if word[place].isupper() else letter
    return word[:place] + other + word[place + 1 :]


EDITS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "keyboard": _of_table(NEAR), "swap": _swap, "insert": _insert, "delete": _delete,
    "substitute": _substitute, "ocr": _of_table(ALIKE),
}  # fmt: skip


class Typo(View):
    """One kind of typo for each text, with one letter wrong in some of its words.

    The kind is drawn uniformly for each text: `keyboard` (a key beside the right one), `swap` (two
    neighbours change places), `insert`, `delete`, `substitute` (any letter), `ocr` (a letter that
    looks alike: 0 for o). Of the words of `shortest` letters or more round(rate n), at least one,
    are edited; a text without such a word stays as it is, and so does a word the kind has nothing
    for.

    kinds: those to draw from. Letters that are inserted are of the Latin alphabet, the keyboard is
    QWERTY.
    Source: the character-level augmentation of PEARL (Sun et al. 2024, arXiv 2401.10407).

    Example:
        >>> Typo(kinds=["swap"])(["contrastive learning"], np.random.default_rng(1))
        ['contrsative learning']
    """

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def __init__(
        self, rate: float = 0.3, kinds: Sequence[str] = tuple(EDITS), shortest: int = 4
    ) -> None:
        super().__init__()
        self.rate, self.shortest = check_rate(rate), shortest
        unknown = [kind for kind in kinds if kind not in EDITS]
        if unknown or not kinds:
            found = repr(unknown[0]) if unknown else "none"
            raise InputError(f"view option kinds: found {found}; expected of {', '.join(EDITS)}")
        self.kinds = list(kinds)

    def forward(self, inputs: list[str], generator: np.random.Generator) -> list[str]:
        """As many texts, each with a typo of its own."""
        return [self.mistyped(text, of_row(generator, n)) for n, text in enumerate(inputs)]

    def mistyped(self, text: str, generator: np.random.Generator) -> str:
        """One text with typos."""
        if not isinstance(text, str):
            raise InputError(f"view Typo: found a {type(text).__name__}; expected a text")
        edit = EDITS[self.kinds[int(generator.integers(len(self.kinds)))]]
        words = text.split(" ")
        long = [i for i, word in enumerate(words) if len(word) >= self.shortest]
        count = min(len(long), max(1, round(self.rate * len(long))))
        for i in generator.permutation(long)[:count]:
            words[i] = edit(words[i], generator)
        return " ".join(words)
