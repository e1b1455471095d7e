"""The HMM aligner: where a target word comes from depends on where the word before it came from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.cooccurring import Fitted, Group
from dipole.aligning.words.statistical import ibm1
from dipole.errors import InputError

# Jumps further than this share one number.
FAR = 10


class _Counts(NamedTuple):
    entries: np.ndarray
    jumps: np.ndarray


def hmm(bitext: Bitext, *, passes: int = 5, null: float = 0.2, start: int = 5) -> Fitted:
    """The HMM alignment model: neighbours of a word tend to stay neighbours.

        p(f, a | e) = prod_j p(a_j | a_{j-1}) t(f_j | e_{a_j})
        p(i | i') = (1 - p0) s(i - i') / sum_k s(k - i'),   p(NULL at i' | i') = p0

    A word that comes from NULL remembers the place i' before it (Och and Ney). s counts jumps, all
    beyond 10 places as one; the first word may come from every place alike. The table starts as
    that of IBM model 1; forward and backward sums are scaled at every word. Jumps are counted as if
    every sentence had room for each, as usual. Links are the most probable sequence of places.

    Args:
        passes: updates of table and jumps.
        null: p0, the chance that a target word belongs to no source word.
        start: passes of IBM model 1 before.

    Source: Vogel, Ney, Tillmann 1996, HMM-Based Word Alignment in Statistical Translation.

    Example:
        >>> pairs = [("das Haus", "the house"), ("das Buch", "the book"), ("ein Buch", "a book")]
        >>> sorted(hmm(Bitext.of(pairs)).links[0])
        [(0, 0), (1, 1)]
    """
    if passes < 1:
        raise InputError(f"passes: found {passes}; expected 1 or more")
    first = ibm1(bitext, passes=start)
    entries, table = first.entries, first.probabilities
    jumps = np.ones(2 * FAR + 1)
    likelihoods = []
    for _ in range(passes):
        found = _Counts(np.zeros(len(table)), np.zeros(2 * FAR + 1))
        likelihoods.append(sum(_count(g, table, jumps, null, found) for g in entries.groups))
        sums = entries.sums(found.entries)
        table = np.divide(found.entries, sums, out=np.zeros_like(table), where=sums > 0)
        jumps = found.jumps
        if not jumps.any():  # no sentence has two words
            jumps = np.ones_like(jumps)
    nowhere = _Counts(np.zeros(len(table)), np.zeros_like(jumps))
    likelihoods.append(sum(_count(g, table, jumps, null, nowhere) for g in entries.groups))
    best = ((group, _viterbi(group, table, jumps, null)) for group in entries.groups)
    return Fitted(entries.links(best), likelihoods, entries, table)


def transitions(length: int, jumps: np.ndarray) -> np.ndarray:
    """(l, l): s(i - i') / sum_k s(k - i') from place i' (row) to place i.

    >>> transitions(2, np.ones(21))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    # A jump that was never seen is possible all the same.
    weights = np.maximum(jumps, 1e-6 * jumps.sum())[_jumps(length)]
    return weights / weights.sum(axis=1, keepdims=True)


def _jumps(length: int) -> np.ndarray:
    places = np.arange(length)
    return np.clip(places[None, :] - places[:, None], -FAR, FAR) + FAR


def _count(
    group: Group, table: np.ndarray, jumps: np.ndarray, null: float, found: _Counts
) -> float:
    """Add a group's expected counts to those found; its log-likelihood.

    States are the places, and NULL at each place: before (b, l) sums them up, the last axis of
    forward and backward being (l real, then l NULL).
    """
    chances = table[group.pairs]  # (b, n, l + 1)
    b, n, places = chances.shape
    l = places - 1
    move = (1 - null) * transitions(l, jumps)
    emitted = np.concatenate([chances[:, :, 1:], np.repeat(chances[:, :, :1], l, axis=2)], axis=2)
    forward, scales = np.empty((b, n, 2 * l)), np.empty((b, n))
    for j in range(n):
        if j == 0:
            first = np.concatenate([np.full(l, (1 - null) / l), np.full(l, null / l)])
            reached = np.broadcast_to(first, (b, 2 * l))
        else:
            before = forward[:, j - 1, :l] + forward[:, j - 1, l:]
            reached = np.concatenate([before @ move, null * before], axis=1)
        joint = reached * emitted[:, j]
        scales[:, j] = joint.sum(axis=1)
        forward[:, j] = joint / scales[:, j, None]
    backward = np.ones((b, 2 * l))
    moved = np.zeros((l, l))
    for j in range(n - 1, -1, -1):
        posterior = forward[:, j] * backward
        parts = np.concatenate(
            [posterior[:, l:].sum(axis=1, keepdims=True), posterior[:, :l]], axis=1
        )
        np.add.at(found.entries, group.pairs[:, j].ravel(), parts.ravel())
        if j == 0:
            break
        ahead = emitted[:, j] * backward / scales[:, j, None]
        before = forward[:, j - 1, :l] + forward[:, j - 1, l:]
        moved += (before.T @ ahead[:, :l]) * move
        back = ahead[:, :l] @ move.T + null * ahead[:, l:]
        backward = np.concatenate([back, back], axis=1)
    np.add.at(found.jumps, _jumps(l).ravel(), moved.ravel())
    return float(np.log(scales).sum())


def _viterbi(group: Group, table: np.ndarray, jumps: np.ndarray, null: float) -> np.ndarray:
    """(b, n): the places of the most probable alignment, 0 for NULL."""
    with np.errstate(divide="ignore"):
        chances = np.log(table[group.pairs])
        b, n, places = chances.shape
        l = places - 1
        move = np.log((1 - null) * transitions(l, jumps))
        stay = np.log(null)
    emitted = np.concatenate([chances[:, :, 1:], np.repeat(chances[:, :, :1], l, axis=2)], axis=2)
    own = np.arange(l)
    first = np.concatenate([np.full(l, np.log1p(-null)), np.full(l, stay)]) - np.log(l)
    score = first + emitted[:, 0]
    came = np.empty((b, n, 2 * l), np.int64)
    for j in range(1, n):
        # Of a place and NULL at it the better one; a place where they are as good.
        from_null = score[:, l:] > score[:, :l]
        before = np.where(from_null, score[:, l:], score[:, :l])
        state = own + l * from_null
        steps = before[:, :, None] + move  # (b, from, to)
        best = steps.argmax(axis=1)
        came[:, j, :l] = np.take_along_axis(state, best, axis=1)
        came[:, j, l:] = state
        reached = np.take_along_axis(steps, best[:, None], axis=1)[:, 0]
        score = np.concatenate([reached, before + stay], axis=1) + emitted[:, j]
    path = np.empty((b, n), np.int64)
    path[:, n - 1] = score.argmax(axis=1)
    for j in range(n - 1, 0, -1):
        path[:, j - 1] = np.take_along_axis(came[:, j], path[:, j, None], axis=1)[:, 0]
    return np.where(path < l, path + 1, 0)
