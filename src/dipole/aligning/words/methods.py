"""Aligners by name, with their options; one of your own is a class in a file."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.hmm import hmm
from dipole.aligning.words.links import Links, swapped
from dipole.aligning.words.statistical import fast_align, ibm1
from dipole.aligning.words.symmetrising import symmetrise
from dipole.data.options import check_names, check_types
from dipole.declared import Count, Declared, Positive, Share
from dipole.errors import InputError
from dipole.lookup import find, nearest, plugins

# Name -> module:class.
METHODS = {
    "ibm1": "methods:IBM1",
    "fast-align": "methods:FastAlign",
    "hmm": "methods:HMM",
    "argmax": "matchers:Argmax",
    "itermax": "matchers:IterMax",
    "mwmf": "matchers:MWMF",
    "softmax": "matchers:Softmax",
    "entmax": "matchers:Entmax",
    "ot": "matchers:Transport",
}


class Aligner(Declared):
    """How words are aligned: its options are fields, `align` is what they mean.

    An aligner of your own is a subclass in a file, `file.py:Class`, with an `align`.
    """

    # How two directions become one where nothing is asked for; None: there are no directions.
    symmetry: ClassVar[str | None] = None

    def align(self, bitext: Bitext, symmetry: str | None) -> list[Links]:
        """The links of every sentence pair; symmetry: how directions become one."""
        raise NotImplementedError


class Statistical(Aligner):
    """An aligner that learns from the bitext, in both directions."""

    symmetry = "grow-diag-final-and"

    def direction(self, bitext: Bitext) -> list[Links]:
        """Links of at most one source word for a target word."""
        raise NotImplementedError

    def align(self, bitext: Bitext, symmetry: str | None) -> list[Links]:
        """Both directions, made one; a direction that is not asked for is not learnt."""
        how = symmetry or self.symmetry
        if how == "forward":
            return self.direction(bitext)
        reverse = [swapped(links) for links in self.direction(bitext.swapped())]
        if how == "reverse":
            return reverse
        both = zip(self.direction(bitext), reverse, strict=True)
        return [symmetrise(one, other, how) for one, other in both]


class IBM1(Statistical):
    """IBM model 1 (`ibm1`)."""

    passes: Count = 5

    def direction(self, bitext: Bitext) -> list[Links]:
        """As `ibm1`."""
        return ibm1(bitext, passes=self.passes).links


class FastAlign(Statistical):
    """fast_align (`fast_align`); alpha=null is plain EM."""

    passes: Count = 5
    null: Share = 0.08
    tension: Positive = 4.0
    learn_tension: bool = True
    alpha: Positive | None = 0.01

    def direction(self, bitext: Bitext) -> list[Links]:
        """As `fast_align`."""
        return fast_align(bitext, **self.settings()).links


class HMM(Statistical):
    """The HMM aligner (`hmm`), after `start` passes of IBM model 1."""

    passes: Count = 5
    null: Share = 0.2
    start: Count = 5

    def direction(self, bitext: Bitext) -> list[Links]:
        """As `hmm`."""
        return hmm(bitext, **self.settings()).links


def aligner(name: str, options: Mapping[str, Any] = {}) -> Aligner:
    """An aligner by its name, with its options.

    Raises:
        InputError: no such aligner or option, with the nearest there is; a value out of its range.

    >>> aligner("fast-align", {"tension": 6}).settings()["tension"]
    6
    """
    known_names = [*METHODS, *plugins("aligner")]
    if ":" not in name and name not in known_names:
        raise InputError(f"method: found {name!r}; {nearest(name, known_names, 'file.py:Class')}")
    package = __name__.rpartition(".")[0]
    found: type[Aligner] = find("aligner", name, METHODS, base=Aligner, package=package)
    known = inspect.signature(found).parameters
    check_names(options, known, "option", name)
    if not found.declared:
        check_types(found.__init__, options, f"method {name}: option")
    try:
        return found(**options)
    except InputError as error:
        raise InputError(f"method {name}: {error}") from None
