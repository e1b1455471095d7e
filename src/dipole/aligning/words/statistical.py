"""Aligners that learn from the bitext alone by EM: IBM model 1, and fast_align's model 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.cooccurring import Cooccurring, Fitted, Group
from dipole.aligning.words.links import Links
from dipole.errors import InputError

# What fast_align keeps its tension in, and how it moves there.
TENSIONS = (0.1, 14.0)
TENSION_STEPS, TENSION_RATE = 8, 20.0

# A group of sentence pairs -> (n, l + 1), the prior of every place for every target word.
Prior = Callable[[Group], np.ndarray]


def ibm1(bitext: Bitext, *, passes: int = 5) -> Fitted:
    """IBM model 1: every place is as likely, so that words that meet often are translations.

        p(f | e) = prod_j sum_{i=0..l} t(f_j | e_i) / (l + 1),   e_0 = NULL
        c(f, e) = sum over places t(f | e) / sum_i' t(f | e_i')
        t(f | e) = c(f, e) / sum_f c(f, e)

    From a uniform table; the log-likelihood never falls. Links are the best place of every target
    word under the last table; of places as good NULL, then the first.

    Args:
        passes: updates of the table.

    Source: Brown et al. 1993, The Mathematics of Statistical Machine Translation.

    Example:
        >>> pairs = [("das Haus", "the house"), ("das Buch", "the book"), ("ein Buch", "a book")]
        >>> fitted = ibm1(Bitext.of(pairs))
        >>> round(fitted.table["Buch", "book"], 2)
        0.86
    """
    _check(passes)
    entries = Cooccurring.of(bitext)
    table = np.full(len(entries.source), 1 / len(entries.words[1]))
    likelihoods = []
    for _ in range(passes):
        counts, likelihood = _expected(entries, table, _uniform)
        likelihoods.append(likelihood)
        table = counts / entries.sums(counts)
    likelihoods.append(_expected(entries, table, _uniform)[1])
    return Fitted(_best(entries, table, _uniform), likelihoods, entries, table)


def fast_align(
    bitext: Bitext,
    *,
    passes: int = 5,
    null: float = 0.08,
    tension: float = 4.0,
    learn_tension: bool = True,
    alpha: float | None = 0.01,
) -> Fitted:
    """fast_align: IBM model 2 with a prior that prefers places near the diagonal.

        p(a_j = 0) = p0,   p(a_j = i) = (1 - p0) exp(lambda h(i, j)) / Z_j
        h(i, j) = -|i / l - j / n|,   places counted from 1

    The table is uniform in the first pass and then that of IBM model 1, or with `alpha` the mean of
    logarithms under a Dirichlet prior (variational Bayes; its rows do not sum to 1):

        t(f | e) = exp(digamma(c(f, e) + alpha) - digamma(sum_f c(f, e) + alpha))

    From the second pass on the tension climbs the expected log-likelihood, 8 steps a pass, within
    0.1 and 14:

        lambda += 20 sum_j sum_{i>0} p(a_j = i | f, e) (h(i, j) - E_prior[h]) / target words

    The prior's mean counts as far as the word is not from NULL. The published program differs: its
    target places start at 0 in the posterior, it divides by the normaliser of the exchanged
    lengths, and its prior counts words of NULL as well.

    Args:
        passes: passes over the bitext; the last one only reads the links.
        null: p0, the share of target words that belong to no source word.
        tension: lambda, at the start.
        learn_tension: whether it is learnt.
        alpha: of the Dirichlet prior; None: plain EM.

    Source: Dyer, Chahuneau, Smith 2013, A Simple, Fast, and Effective Reparameterization of IBM
    Model 2, NAACL.

    Example:
        >>> pairs = [("das Haus", "the house"), ("das Buch", "the book"), ("ein Buch", "a book")]
        >>> sorted(fast_align(Bitext.of(pairs)).links[1])
        [(0, 0), (1, 1)]
    """
    from scipy.special import digamma

    _check(passes)
    entries = Cooccurring.of(bitext)
    # Any constant gives the same first posterior; this one is the program's.
    table = np.full(len(entries.source), 1e-9)
    likelihoods = []
    for number in range(passes):
        prior = diagonal(tension, null)
        counts, likelihood = _expected(entries, table, prior)
        likelihoods.append(likelihood)
        if number == passes - 1:
            break
        if learn_tension and number > 0:
            tension = learnt_tension(entries, table, tension, null)
        if alpha is None:
            table = counts / entries.sums(counts)
        else:
            smooth = counts + alpha
            table = np.exp(digamma(smooth) - digamma(entries.sums(smooth)))
    return Fitted(_best(entries, table, prior), likelihoods, entries, table)


def diagonal(tension: float, null: float) -> Prior:
    """fast_align's prior of places, (n, l + 1), NULL first."""

    def prior(group: Group) -> np.ndarray:
        weights = np.exp(tension * group.distance)
        chances = (1 - null) * weights / weights.sum(axis=1, keepdims=True)
        return np.concatenate([np.full((len(chances), 1), null), chances], axis=1)

    return prior


def learnt_tension(entries: Cooccurring, table: np.ndarray, tension: float, null: float) -> float:
    """The tension after its steps, the posterior held at this tension's."""
    words, mass, found = 0, [], 0.0
    for group, posterior, _ in _posteriors(entries, table, diagonal(tension, null)):
        real = posterior[:, :, 1:].sum(axis=0)
        found += float((real * group.distance).sum())
        mass.append(real.sum(axis=1))
        words += posterior.shape[0] * posterior.shape[1]
    for _ in range(TENSION_STEPS):
        expected = 0.0
        for group, own in zip(entries.groups, mass, strict=True):
            weights = np.exp(tension * group.distance)
            mean = (weights * group.distance).sum(axis=1) / weights.sum(axis=1)
            expected += float(own @ mean)
        tension += TENSION_RATE * (found - expected) / words
        tension = min(max(tension, TENSIONS[0]), TENSIONS[1])
    return tension


def _uniform(group: Group) -> np.ndarray:
    places = group.pairs.shape[2]
    return np.full((1, places), 1 / places)


def _posteriors(
    entries: Cooccurring, table: np.ndarray, prior: Prior
) -> Iterator[tuple[Group, np.ndarray, np.ndarray]]:
    """(group, p(a_j = i | f, e) (b, n, l + 1), p(f_j | e) (b, n)) of every group."""
    for group in entries.groups:
        joint = prior(group) * table[group.pairs]
        total = joint.sum(axis=2)
        yield group, joint / total[:, :, None], total


def _expected(entries: Cooccurring, table: np.ndarray, prior: Prior) -> tuple[np.ndarray, float]:
    """The expected counts of all entries, and the log-likelihood of the bitext."""
    counts, likelihood = np.zeros(len(table)), 0.0
    for group, posterior, total in _posteriors(entries, table, prior):
        np.add.at(counts, group.pairs.ravel(), posterior.ravel())
        likelihood += float(np.log(total).sum())
    return counts, likelihood


def _best(entries: Cooccurring, table: np.ndarray, prior: Prior) -> list[Links]:
    places = (
        (group, (prior(group) * table[group.pairs]).argmax(axis=2)) for group in entries.groups
    )
    return entries.links(places)


def _check(passes: int) -> None:
    if passes < 1:
        raise InputError(f"passes: found {passes}; expected 1 or more")
