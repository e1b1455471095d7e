"""Words of parallel texts linked by any aligner: `align_words`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.links import Links
from dipole.aligning.words.matchers import Matcher
from dipole.aligning.words.methods import Aligner, aligner
from dipole.aligning.words.symmetrising import METHODS as SYMMETRIES
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.lookup import nearest


def align_words(
    bitext: Bitext | Sequence[tuple[str, str]],
    method: str | Aligner = "fast-align",
    *,
    encoder: Encoder | None = None,
    symmetrise: str | None = None,
    lower_case: bool = False,
    **options: Any,
) -> list[Links]:
    """The word links of every sentence pair, as (source word, target word) from 0.

    Args:
        bitext: a `Bitext`, or pairs of sentences, split at white space.
        method: `fast-align`, `ibm1`, `hmm`, which learn from the bitext; `argmax`, `itermax`,
            `mwmf`, `softmax`, `entmax`, `ot`, which compare vectors; `file.py:Class`; an aligner.
        encoder: gives the vectors.
        symmetrise: how the two directions become one: forward, reverse, intersect, union,
            grow-diag, grow-diag-final, grow-diag-final-and, of a method that has directions. By
            default the last, of `argmax` intersect.
        lower_case: compare words in lower case.
        options: of the method.

    Raises:
        InputError: no such method, option or symmetrisation; links of words that are not there.

    Example:
        >>> pairs = [("das Haus", "the house"), ("das Buch", "the book"), ("ein Buch", "a book")]
        >>> sorted(align_words(pairs, "ibm1")[2])
        [(0, 0), (1, 1)]
    """
    how = method if isinstance(method, Aligner) else aligner(method, options)
    check_symmetry(how, symmetrise)
    check_encoder(how, encoder is not None)
    given = bitext if isinstance(bitext, Bitext) else Bitext.of(bitext)
    if lower_case:
        given = given.lower_case()
    if isinstance(how, Matcher):
        return how.align(given, symmetrise, encoder)
    found = how.align(given, symmetrise)
    _check_links(how, given, found)
    return found


def _check_links(how: Aligner, bitext: Bitext, found: Sequence[Links]) -> None:
    """Raise InputError where an aligner links what is not there; one of the user's own may."""
    name = type(how).__name__
    if len(found) != len(bitext):
        raise InputError(
            f"method: {name} gave links of {len(found):,} sentence pairs; expected {len(bitext):,}"
        )
    rows = zip(found, bitext.source, bitext.target, strict=True)
    for row, (links, source, target) in enumerate(rows, 1):
        for i, j in links:
            if not (0 <= i < len(source) and 0 <= j < len(target)):
                raise InputError(
                    f"method: {name} links {i} with {j} in row {row}, which has {len(source)} and "
                    f"{len(target)} words; expected words that are there, counted from 0"
                )


def check_encoder(how: Aligner, is_given: bool) -> None:
    """Raise InputError where vectors are needed and nothing gives them, or the other way round."""
    name = type(how).__name__
    if isinstance(how, Matcher) and not is_given:
        raise InputError(f"model: found none, and {name} compares vectors; expected an encoder")
    if is_given and not isinstance(how, Matcher):
        raise InputError(
            f"model: found one, and {name} reads no vectors; expected a method that compares them, "
            "as itermax"
        )


def check_symmetry(how: Aligner, symmetry: str | None) -> None:
    """Raise InputError where two directions cannot be made one in this way."""
    if symmetry is None:
        return
    if symmetry not in SYMMETRIES:
        raise InputError(f"symmetrise: found {symmetry!r}; {nearest(symmetry, SYMMETRIES)}")
    if how.symmetry is None:
        raise InputError(
            f"symmetrise: found {symmetry} for {type(how).__name__}, which has no directions; "
            "expected a method that has them"
        )
