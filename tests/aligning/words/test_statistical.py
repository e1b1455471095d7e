"""IBM model 1, fast_align and the HMM against sums over all alignments, written from the papers."""

import doctest
import importlib
from collections import defaultdict
from itertools import pairwise, product
from math import exp, log, prod

import numpy as np
import pytest

from dipole.aligning.words import Bitext, fast_align, hmm, ibm1
from dipole.aligning.words.cooccurring import Cooccurring
from dipole.aligning.words.hmm import FAR
from dipole.aligning.words.statistical import learnt_tension
from dipole.errors import InputError

PAIRS = [
    ("the house is small", "klein ist das haus"),
    ("the house", "das haus"),
    ("the book is big", "gross das buch ist"),
    ("", "nichts"),
    ("a book", "ein buch"),
    ("book", "buch"),
]
BITEXT = Bitext.of(PAIRS)
WORDS = [(a.split(), b.split()) for a, b in PAIRS if a]


def expected_ibm1(passes: int) -> tuple[dict, list[float]]:
    """By sums over every alignment of every sentence pair."""
    size = len({f for _, target in PAIRS for f in target.split()})
    table = defaultdict(lambda: 1 / size)
    likelihoods = []
    for step in range(passes + 1):
        counts, likelihood = defaultdict(float), 0.0
        for source, target in WORDS:
            e = [None, *source]
            joint = {
                a: prod(table[e[i], f] / len(e) for i, f in zip(a, target, strict=True))
                for a in product(range(len(e)), repeat=len(target))
            }
            total = sum(joint.values())
            likelihood += log(total)
            for a, chance in joint.items():
                for i, f in zip(a, target, strict=True):
                    counts[e[i], f] += chance / total
        likelihoods.append(likelihood)
        if step < passes:
            sums = defaultdict(float)
            for (word, _), count in counts.items():
                sums[word] += count
            table = {key: count / sums[key[0]] for key, count in counts.items()}
    return table, likelihoods


def test_ibm1_is_em_over_all_alignments():
    fitted = ibm1(BITEXT, passes=3)
    table, likelihoods = expected_ibm1(3)
    assert fitted.table == pytest.approx(table, rel=1e-12)
    assert fitted.log_likelihoods == pytest.approx(likelihoods, rel=1e-12)
    assert fitted.links[3] == frozenset()
    assert fitted.links[5] == {(0, 0)}


def test_the_likelihood_of_ibm1_never_falls():
    found = ibm1(BITEXT, passes=20).log_likelihoods
    assert all(b >= a - 1e-12 for a, b in pairwise(found))


def hmm_joint(source, target, a, table, jumps, null):
    """The probability of a target sentence with one path of states (place, is NULL)."""
    l, chance = len(source), 1.0
    for j, (place, is_null) in enumerate(a):
        if j == 0:
            step = (null if is_null else 1 - null) / l
        elif is_null:
            step = null if place == a[j - 1][0] else 0.0
        else:
            row = [jumps[np.clip(k - a[j - 1][0], -FAR, FAR) + FAR] for k in range(l)]
            step = (1 - null) * row[place] / sum(row)
        chance *= step * table[None if is_null else source[place], target[j]]
    return chance


def test_the_hmm_is_em_over_all_paths():
    null = 0.2
    table, jumps, likelihoods, paths = ibm1(BITEXT, passes=5).table, np.ones(2 * FAR + 1), [], []
    for step in range(3):
        counts, moved, likelihood, paths = defaultdict(float), np.zeros_like(jumps), 0.0, []
        floored = np.maximum(jumps, 1e-6 * jumps.sum())
        for source, target in WORDS:
            states = list(product(range(len(source)), (False, True)))
            joint = {
                a: hmm_joint(source, target, a, table, floored, null)
                for a in product(states, repeat=len(target))
            }
            total = sum(joint.values())
            likelihood += log(total)
            best = max(joint, key=joint.get)
            paths.append({(i, j) for j, (i, is_null) in enumerate(best) if not is_null})
            for a, chance in joint.items():
                for j, (place, is_null) in enumerate(a):
                    counts[None if is_null else source[place], target[j]] += chance / total
                    if j and not is_null:
                        moved[place - a[j - 1][0] + FAR] += chance / total
        likelihoods.append(likelihood)
        if step < 2:
            sums = defaultdict(float)
            for (word, _), count in counts.items():
                sums[word] += count
            table = {key: count / sums[key[0]] for key, count in counts.items()}
            jumps = moved
    fitted = hmm(BITEXT, passes=2, null=null, start=5)
    assert fitted.log_likelihoods == pytest.approx(likelihoods, rel=1e-10)
    assert fitted.table == pytest.approx(table, rel=1e-9)
    assert [set(links) for links in fitted.links if links] == [path for path in paths if path]


def test_the_tension_climbs_the_expected_log_likelihood():
    """A step of the learnt tension is 20 / words times the slope, here by finite differences."""
    entries, null, tension = Cooccurring.of(BITEXT), 0.08, 4.0
    rng = np.random.default_rng(0)
    table = rng.random(len(entries.source))
    values = dict(zip(zip(entries.source, entries.target, strict=True), table, strict=True))
    one, other = ({w: n for n, w in enumerate(side)} for side in entries.words)

    def prior(l, n, j, lam):
        weights = [exp(-lam * abs((i + 1) / l - (j + 1) / n)) for i in range(l)]
        return [(1 - null) * w / sum(weights) for w in weights]

    def auxiliary(lam):
        total = 0.0
        for source, target in WORDS:
            l, n = len(source), len(target)
            for j, f in enumerate(target):
                chances = prior(l, n, j, tension)
                joint = [null * values[0, other[f]]]
                joint += [
                    p * values[one[e] + 1, other[f]] for p, e in zip(chances, source, strict=True)
                ]
                for post, p in zip(joint[1:], prior(l, n, j, lam), strict=True):
                    total += post / sum(joint) * log(p)
        return total

    words = sum(len(target) for _, target in WORDS)
    moved, small = tension, 1e-5
    for _ in range(8):
        slope = (auxiliary(moved + small) - auxiliary(moved - small)) / (2 * small)
        moved = min(max(moved + 20 * slope / words, 0.1), 14.0)
    assert moved != tension
    assert learnt_tension(entries, table, tension, null) == pytest.approx(moved, rel=1e-5)


def test_blocks_change_nothing(monkeypatch):
    whole = fast_align(BITEXT)
    monkeypatch.setattr("dipole.aligning.words.cooccurring.BLOCK", 10)
    cut = fast_align(BITEXT)
    assert cut.links == whole.links
    assert cut.table == pytest.approx(whole.table, rel=1e-12)


@pytest.mark.parametrize("aligner", [ibm1, fast_align, hmm])
def test_no_pass_is_none(aligner):
    with pytest.raises(InputError, match="passes: found 0; expected 1 or more"):
        aligner(BITEXT, passes=0)


@pytest.mark.parametrize(
    "module", ["aligning", "bitext", "hmm", "links", "measuring", "methods", "statistical",
               "symmetrising"]
)  # fmt: skip
def test_docstrings(module):
    found = doctest.testmod(importlib.import_module(f"dipole.aligning.words.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
