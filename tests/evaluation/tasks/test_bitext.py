import numpy as np
import pytest

from dipole.data import Pairs
from dipole.errors import InputError
from dipole.evaluation import compare
from dipole.evaluation.tasks.bitext import evaluate_bitext


def task(first, second, anchors=None, positives=None):
    n = len(first)
    anchors = anchors or [f"a{i}" for i in range(n)]
    positives = positives or [f"b{i}" for i in range(n)]
    table = dict(zip(anchors + positives, [*first, *second], strict=True))
    data = Pairs.from_columns({"anchor": anchors, "positive": positives})
    return lambda texts: np.stack([table[text] for text in texts]), data


def written_out(first, second):
    """Every cosine, one pair at a time."""
    n = len(first)
    c = np.array([[a @ b / np.sqrt((a @ a) * (b @ b)) for b in second] for a in first])
    forward = [max(range(n), key=lambda j: c[i, j]) for i in range(n)]
    backward = [max(range(n), key=lambda i: c[i, j]) for j in range(n)]
    found = [(i, j) for i in range(n) for j in range(n) if forward[i] == j and backward[j] == i]
    right = sum(i == j for i, j in found)
    precision, recall = right / len(found), right / n
    f1 = 2 * precision * recall / (precision + recall)
    hits = (np.mean([f == i for i, f in enumerate(x)]) for x in (forward, backward))
    return f1, *hits


def test_every_cosine_written_out():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((40, 6))
    second = first + 0.6 * rng.standard_normal((40, 6))
    result = evaluate_bitext(*task(first, second))
    found = [result.value(m) for m in ("F1", "accuracy forward", "accuracy backward")]
    assert found == pytest.approx(written_out(first, second))
    assert len(set(found)) == 3
    for metric in result.metrics:
        assert result[metric].low < result.value(metric) < result[metric].high
    noise = evaluate_bitext(*task(first, second + 3 * rng.standard_normal((40, 6))))
    for test in compare(result, noise).values():
        assert test.p_permutation < 0.01


def test_equal_texts_are_found_wherever_they_stand():
    first = np.array([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1]])
    second = np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1]])
    result = evaluate_bitext(*task(first, second, positives=["same", "same", "other"]))
    assert result.per_item["forward"].tolist() == [1, 1, 1]
    # Of "same" the first anchor is the nearest, for both of its places.
    assert result.per_item["backward"].tolist() == [1, 0, 1]
    assert result.per_item["mined"].tolist() == [1, 0, 1]
    assert result.value("F1") == pytest.approx(2 * 2 / (2 + 3))


@pytest.mark.parametrize(
    ("first", "match"),
    [
        (np.ones((3, 2)), "all 3 anchors have the same vector"),
        (np.array([[1.0, 0], [np.nan, 0], [0, 1]]), "1 of 3 pair vectors are not finite.*'2'"),
        (np.ones((1, 2)), "bitext: found 1 pair; expected at least 2"),
    ],
)
def test_bad_input(first, match):
    second = np.random.default_rng(0).standard_normal(first.shape)
    with pytest.raises(InputError, match=match):
        evaluate_bitext(*task(first, second))
