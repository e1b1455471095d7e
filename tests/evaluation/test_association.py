"""WEAT by loops, and on biases that were planted."""

from itertools import combinations

import numpy as np
import pytest

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation.association import WEAT, of_scores, weat


def made(bias, seed=0, n=6, d=12):
    rng = np.random.default_rng(seed)
    x, y, a, b = (rng.normal(size=(n, d)) for _ in range(4))
    a[:, 0] += 5
    b[:, 0] -= 5
    x[:, 0] += bias
    y[:, 0] -= bias
    return x, y, a, b


def cosine(u, v):
    return sum(p * q for p, q in zip(u, v, strict=True)) / (np.linalg.norm(u) * np.linalg.norm(v))


def test_the_effect_and_all_partitions_by_loops():
    x, y, a, b = made(0.3)
    s = [np.mean([cosine(w, u) for u in a]) - np.mean([cosine(w, u) for u in b]) for w in [*x, *y]]
    middle = sum(s) / 12
    deviation = (sum((t - middle) ** 2 for t in s) / 11) ** 0.5
    effect = (sum(s[:6]) / 6 - sum(s[6:]) / 6) / deviation
    whole = [sum(s[i] for i in rows) - sum(s[i] for i in range(12) if i not in rows)
             for rows in combinations(range(12), 6)]  # fmt: skip
    found = weat(x, y, a, b)
    assert found.effect == pytest.approx(effect, abs=1e-12)
    assert found.p_value == sum(t >= whole[0] - 1e-9 for t in whole) / 924
    assert (found.partitions, found.exact) == (924, True)


def test_planted_and_no_bias():
    planted = weat(*made(4.0))
    assert planted.effect > 1
    assert planted.p_value == 1 / 924
    assert weat(*made(-4.0)).p_value == 1.0
    x, y, a, b = made(4.0, n=8)
    both = np.concatenate([x, y])
    mixed = weat(both[::2], both[1::2], a, b)  # as many of either in both
    assert abs(mixed.effect) < 0.5
    assert mixed.p_value > 0.1


def test_drawn_partitions_are_near_all():
    x, y, a, b = made(0.2)
    drawn, whole = weat(x, y, a, b, partitions=900), weat(x, y, a, b)
    assert not drawn.exact
    assert drawn.p_value == pytest.approx(whole.p_value, abs=0.05)
    assert drawn == weat(x, y, a, b, partitions=900)


def test_equal_associations():
    found = of_scores(np.full(3, 0.1), np.full(3, 0.1))
    assert (found.effect, found.p_value) == (0.0, 1.0)


def test_a_task_of_labelled_words():
    x, y, a, b = made(1.0)
    names = [f"{s}{i}" for s in "XYAB" for i in range(6)]
    vectors = dict(zip(names, np.concatenate([x, y, a, b]), strict=True))
    data = Labeled.from_columns({"input": names, "label": [name[0] for name in names]})
    result = WEAT(lambda inputs: np.stack([vectors[t] for t in inputs]), data, system="made")
    found = weat(x, y, a, b)
    assert result.value("effect") == pytest.approx(found.effect)
    assert result["effect"].low < found.effect < result["effect"].high
    assert result.notes == (f"one-sided permutation p = {found.p_value:.4g} (924 partitions, all)",)
    for labels, message in [(["X", "Y", "C"], "the set 'C'"), (["X", "Y", "A"], "no row of the")]:
        data = Labeled.from_columns({"input": names[:3], "label": labels})
        with pytest.raises(InputError, match=f"weat: found {message}"):
            WEAT(lambda inputs: np.ones((len(inputs), 2)), data)


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ([np.ones((2, 3)), np.ones((0, 3)), np.ones((1, 3)), np.ones((1, 3))], "Y has shape"),
        ([np.ones((2, 3)), np.zeros((1, 3)), np.ones((1, 3)), np.ones((1, 3))], "row 0 of Y is 0"),
        ([np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 3))], "found 2 words"),
        ([np.ones((2, 2)), np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 3))], "of 2, 3, 3, 3"),
    ],
)
def test_what_is_wrong_is_said(sides, message):
    with pytest.raises(InputError, match=message):
        weat(*sides)
