"""Word alignment: which words of two parallel sentences belong together."""

from __future__ import annotations

from dipole.aligning.words.aligning import align_words
from dipole.aligning.words.bitext import Bitext, read_bitext
from dipole.aligning.words.hmm import hmm
from dipole.aligning.words.links import Link, Links, read_links, written
from dipole.aligning.words.matchers import Matcher
from dipole.aligning.words.measuring import Gold, error_rate, measure, read_gold
from dipole.aligning.words.methods import METHODS, Aligner, aligner
from dipole.aligning.words.statistical import fast_align, ibm1
from dipole.aligning.words.symmetrising import symmetrise

__all__ = [
    "METHODS",
    "Aligner",
    "Bitext",
    "Gold",
    "Link",
    "Links",
    "Matcher",
    "align_words",
    "aligner",
    "error_rate",
    "fast_align",
    "hmm",
    "ibm1",
    "measure",
    "read_bitext",
    "read_gold",
    "read_links",
    "symmetrise",
    "written",
]
