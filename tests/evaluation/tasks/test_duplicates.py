import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation import compare
from dipole.evaluation.tasks import duplicates
from dipole.evaluation.tasks.duplicates import duplicate_precision, evaluate_duplicates


def some(n=60, groups=15, spread=0.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, groups, n)
    return rng.standard_normal((groups, 6))[labels] + spread * rng.standard_normal((n, 6)), labels


def cosines_of(vectors):
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return (unit @ unit.T).astype(np.float64)


@pytest.mark.parametrize("rows", [7, 256])
def test_scikit_learn_over_all_pairs(rows, monkeypatch):
    monkeypatch.setattr(duplicates, "ROWS", rows)
    vectors, groups = some()
    vectors = vectors.astype(np.float32)
    found = duplicate_precision(vectors, groups)
    cosines, same = cosines_of(vectors), groups[:, None] == groups
    i, j = np.triu_indices(60, 1)
    whole = average_precision_score(same[i, j], cosines[i, j])
    assert found.precision.sum() / found.duplicates.sum() == pytest.approx(whole, abs=1e-4)
    others = ~np.eye(60, dtype=bool)
    for row, ap in zip(found.rows, found.average_precision, strict=True):
        expected = average_precision_score(same[row, others[row]], cosines[row, others[row]])
        assert ap == pytest.approx(expected, abs=1e-4)
    sizes = np.bincount(groups)[groups]
    assert found.rows.tolist() == np.flatnonzero(sizes > 1).tolist()


def test_ties_come_in_together():
    """Whole numbers in two dimensions: many cosines are equal to the last bit."""
    rng = np.random.default_rng(1)
    vectors = np.eye(4)[rng.integers(0, 4, 30)]
    groups = rng.integers(0, 6, 30)
    found = duplicate_precision(vectors, groups)
    same, cosines = groups[:, None] == groups, vectors @ vectors.T
    i, j = np.triu_indices(30, 1)
    whole = average_precision_score(same[i, j], cosines[i, j])
    assert found.precision.sum() / found.duplicates.sum() == pytest.approx(whole)


@pytest.mark.parametrize("ties", [False, True])
def test_precision_at_r_as_a_double_loop(ties):
    """precision_at_1, r_precision and MAP@R of pytorch-metric-learning, each from its ranking."""
    vectors, groups = some(n=50, groups=9, seed=4)
    if ties:  # of equal cosines the duplicates come last
        vectors = np.eye(5)[np.random.default_rng(5).integers(0, 5, 50)]
    found = duplicate_precision(vectors.astype(np.float32), groups)
    cosines = cosines_of(vectors)
    for place, row in enumerate(found.rows):
        others = [j for j in range(50) if j != row]
        others.sort(key=lambda j: (-cosines[row, j], groups[j] == groups[row]))
        hits = [groups[j] == groups[row] for j in others]
        size = sum(hits)
        total = 0.0
        for rank in range(1, size + 1):
            if hits[rank - 1]:
                total += sum(hits[:rank]) / rank
        assert found.precision_at_1[place] == hits[0]
        assert found.r_precision[place] == pytest.approx(sum(hits[:size]) / size)
        assert found.map_at_r[place] == pytest.approx(total / size)


def labeled(groups):
    return Labeled.from_columns(
        {"input": [str(i) for i in range(len(groups))], "label": list(groups)}
    )


def test_evaluate_duplicates():
    vectors, groups = some(spread=0.3)
    groups[:2] = 100, 101  # two that have none
    data = labeled(groups)
    good = evaluate_duplicates(lambda texts: vectors, data, system="good")
    worse = evaluate_duplicates(
        lambda texts: vectors + np.random.default_rng(2).standard_normal(vectors.shape), data
    )
    assert set(good.ids) <= set(data.ids) - {"1", "2"}
    assert "only to be told apart" in good.notes[1]
    assert good.value("MAP") == pytest.approx(good.per_item["average precision"].mean())
    assert good["MAP"].low < good.value("MAP") < good["MAP"].high
    assert np.isnan(good["AP"].low)
    for name in ("P@1", "R-precision", "MAP@R"):
        assert good.value(name) == pytest.approx(good.per_item[name].mean())
        assert good[name].low < good.value(name) <= good[name].high
    assert 0 < good.value("AP") < 1
    tests = compare(good, worse)
    assert tests["MAP"].p_permutation < 0.01
    assert tests["AP"].difference.value == pytest.approx(good.value("AP") - worse.value("AP"))
    assert np.isnan([tests["AP"].p_permutation, tests["AP"].p_bootstrap]).all()


@pytest.mark.parametrize(
    ("vectors", "groups", "match"),
    [
        (np.eye(4), [0, 1, 2, 3], "duplicates: no two of 4 examples share a group"),
        (np.eye(4), [0, 0, 0, 0], "data has 1 class; expected at least 2"),
        (np.ones((4, 3)), [0, 0, 1, 1], "all 4 examples have the same vector"),
        (np.eye(4) * np.nan, [0, 0, 1, 1], "4 of 4 data vectors are not finite"),
        (np.eye(0), [], "no data examples; expected at least one"),
    ],
)
def test_bad_input(vectors, groups, match):
    with pytest.raises(InputError, match=match):
        evaluate_duplicates(lambda texts: vectors, labeled(groups))


def test_all_cosines_never_exist_together(monkeypatch):
    """1,500 examples have 9 MB of cosines."""
    vectors, groups = some(n=1500, groups=750)
    monkeypatch.setattr(duplicates, "ROWS", 64)
    tracemalloc.start()
    duplicate_precision(vectors.astype(np.float32), groups)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6


def test_average_precision_is_that_of_sentence_transformers():
    """Of its evaluator of mined paraphrases, where no pair is cut off."""
    from sentence_transformers.sentence_transformer.evaluation import ParaphraseMiningEvaluator

    rng = np.random.default_rng(0)
    groups = np.arange(30) // 3
    vectors = rng.normal(size=(10, 8))[groups] + 1.2 * rng.normal(size=(30, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    class Model:
        similarity_fn_name = "cosine"

        class model_card_data:  # noqa: N801
            @staticmethod
            def set_evaluation_metrics(*_, **__):
                pass

        def encode(self, texts, **_):
            return torch.tensor(vectors[[int(text) for text in texts]])

    ids = [str(i) for i in range(30)]
    pairs = [(i, j) for i in ids for j in ids if i < j and int(i) // 3 == int(j) // 3]
    theirs = ParaphraseMiningEvaluator(
        {i: i for i in ids}, pairs, max_pairs=10**6, top_k=30, show_progress_bar=False,
        write_csv=False,
    )(Model())  # fmt: skip
    found = duplicate_precision(vectors, groups)
    ours = found.precision.sum() / found.duplicates.sum()
    assert ours == pytest.approx(theirs["average_precision"], rel=1e-6)
