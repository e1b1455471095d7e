"""CipherBitext: its links are those of its dictionary, and its settings do what they say."""

import doctest

import numpy as np
import pytest

from dipole.studies.benches import cipher_bitext as bench
from dipole.studies.benches.cipher_bitext import cipher_bitext, word_vectors


def test_links_join_words_of_one_meaning_and_no_other():
    planted = cipher_bitext(3, 400)
    for row, links in enumerate(planted.links):
        ours, theirs = planted.meanings[0][row], planted.meanings[1][row]
        assert all(ours[i] == theirs[j] for i, j in links)
        linked = {j for _, j in links}
        assert all((theirs[j] < 0) == (j not in linked) for j in range(len(theirs)))
        assert len(linked) == len(links)  # a target word has one source word


def test_the_dictionary_is_one_for_all_sentences():
    planted = cipher_bitext(4, 2000)
    words = {}
    for row, links in enumerate(planted.links):
        for i, j in links:
            source, target = planted.bitext.source[row][i], planted.bitext.target[row][j]
            words.setdefault(source, set()).add(target)
    assert max(map(len, words.values())) == 2
    assert 0.15 < np.mean([len(found) == 2 for found in words.values()]) < 0.4
    owners = {}
    for source, targets in words.items():
        for target in targets:
            assert owners.setdefault(target, source) == source


@pytest.mark.parametrize(("dropped", "inserted"), [(0.1, 0.1), (0.4, 0.3)])
def test_shares_are_as_asked(dropped, inserted):
    planted = cipher_bitext(5, 2000, dropped=dropped, inserted=inserted, strangers=True)
    pairs = list(zip(planted.links, *planted.meanings, strict=True))
    missing = np.mean([1 - len({i for i, _ in links}) / len(ours) for links, ours, _ in pairs])
    assert missing == pytest.approx(dropped, abs=0.02)
    strangers = sum(len(theirs) - len(links) for links, _, theirs in pairs)
    translated = sum(len({i for i, _ in links}) for links, _, _ in pairs)
    assert strangers / translated == pytest.approx(inserted / (1 - inserted), abs=0.03)
    for links, ours, theirs in pairs:
        linked = {j for _, j in links}
        assert not {m for j, m in enumerate(theirs) if j not in linked} & set(ours)


def test_local_order_is_nearly_kept_and_free_order_is_not():
    def crossings(order):
        planted = cipher_bitext(6, 500, order=order)
        found = [
            np.mean(np.diff([j for _, j in sorted(links)]) < 0)
            for links in planted.links if len(links) > 1
        ]  # fmt: skip
        return np.mean(found)

    assert crossings("local") < 0.25
    assert crossings("free") > 0.4


def test_without_noise_words_of_one_meaning_are_nearest():
    planted = cipher_bitext(7, 50)
    right = wrong = 0.0
    for links, x, y in zip(planted.links, *word_vectors(planted, 0.0, 7), strict=True):
        scores = x @ y.T if len(y) else np.zeros((len(x), 0))
        right += sum(scores[i, j] for i, j in links) / 50
        wrong += (scores.sum() - sum(scores[i, j] for i, j in links)) / 50
        assert x.shape == (len(x), 64)
    pairs = sum(map(len, planted.links)) / 50
    assert right / pairs > 0.8
    cells = np.mean([len(a) * len(b) for a, b in zip(*planted.meanings, strict=True)])
    assert wrong / (cells - pairs) < 0.25


def test_docstrings():
    found = doctest.testmod(bench)
    assert found.attempted > 0
    assert found.failed == 0
