import json
import math

import numpy as np
import pytest

from dipole.data import Labeled, Pairs, RetrievalData
from dipole.errors import InputError
from dipole.evaluation.geometry import whole as module
from dipole.evaluation.geometry.pairs import alignment
from dipole.evaluation.geometry.report import geometry_json
from dipole.evaluation.geometry.space import uniformity
from dipole.evaluation.geometry.whole import (
    READINGS,
    evaluate_geometry,
    measure_geometry,
)

pytest.importorskip("sklearn")
rng = np.random.default_rng(0)


def test_every_measure_once():
    x = rng.normal(size=(60, 5))
    found = measure_geometry(
        x, x + 0.1 * rng.normal(size=x.shape), labels=rng.integers(0, 3, 60),
        lengths=rng.integers(1, 50, 60),
    )  # fmt: skip
    assert set(found.numbers) == set(READINGS)
    assert (found.n, found.dim) == (120, 5)
    assert all(np.isfinite(list(found.numbers.values())))
    assert "-0.500" in found.readings["class cosine mean"]
    assert "{" not in "".join(found.readings.values())


def test_numbers_are_those_of_the_single_functions():
    x, y = rng.normal(size=(2, 30, 4))
    found = measure_geometry(x, y)
    assert found["alignment"] == alignment(x, y)
    assert found["uniformity"] == uniformity(np.concatenate([x, y]))[0]
    assert found["threshold"] == found.threshold.value
    assert len(found.similarities["random"]) == 30 * 29


def test_labels_give_positives():
    x = np.repeat(np.eye(3), 4, axis=0)
    found = measure_geometry(x, labels=np.repeat(["a", "b", "c"], 4))
    assert found["positive cosine"] == pytest.approx(1)
    assert found["random cosine"] == pytest.approx(0)
    assert found["recall at threshold"] == 1


def test_only_different_rows_of_one_class_are_positives():
    labels = np.array([0, 1, 0, 2, 1, 1])
    i, j = module._same_class(labels, 0)
    assert (labels[i] == labels[j]).all()
    assert (i != j).all()
    assert set(i.tolist()) == {0, 1, 2, 4, 5}
    assert {(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True)} == {
        (0, 2), (2, 0), (1, 4), (4, 1), (1, 5), (5, 1), (4, 5), (5, 4),
    }  # fmt: skip


def test_constant_vectors_are_marked():
    found = measure_geometry(np.ones((20, 4)))
    assert found["uniformity"] == pytest.approx(0, abs=1e-6)
    assert found["effective rank"] == pytest.approx(1)
    assert math.isnan(found["IsoScore"])
    assert "the model has collapsed" in found.notes[0]
    report = geometry_json([found])
    assert report["systems"]["vectors"]["numbers"]["IsoScore"] is None
    json.dumps(report, allow_nan=False)


def test_zeros_and_samples_are_noted(monkeypatch):
    monkeypatch.setattr(module, "PAIR_ROWS", 10)
    monkeypatch.setattr(module, "HUB_ROWS", 10)
    notes = measure_geometry(np.vstack([np.zeros((1, 3)), rng.normal(size=(30, 3))])).notes
    assert [note.split(":")[0] for note in notes] == [
        "1 vectors have length 0", "uniformity", "hubness",
    ]  # fmt: skip


def test_one_dimension():
    found = measure_geometry(rng.normal(size=(20, 1)))
    assert math.isnan(found["IsoScore"])
    assert found["effective rank"] == 1


def letters(texts, role):
    return np.array([[text.count(c) + 0.5 * (role == "query") for c in "abcde"] for text in texts])


TEXTS = ["aab", "bcd", "eea", "dcb", "abe", "ccc", "bda", "ede", "aca", "bbd", "cae", "dde"]


def test_data_of_all_kinds():
    others = [text[::-1] + "a" for text in TEXTS]
    of_pairs = evaluate_geometry(letters, Pairs.from_columns({"anchor": TEXTS, "positive": others}))
    assert "alignment" in of_pairs.numbers
    assert of_pairs.n == 24
    assert "length ~ centre" in of_pairs.numbers
    labelled = Labeled.from_columns({"input": TEXTS, "label": [0, 1] * 6})
    of_labels = evaluate_geometry(letters, labelled, system="letters")
    assert "tolerance" in of_labels.numbers
    assert of_labels.system == "letters"
    found = RetrievalData(
        corpus=dict(zip("abcdefghijkl", others, strict=True)),
        queries=dict(zip("123", TEXTS[:3], strict=True)),
        qrels={"1": {"a": 1}, "2": {"b": 1, "c": 2}, "3": {"a": 0}},
    )
    of_queries = evaluate_geometry(letters, found)
    assert of_queries.n == 4
    assert of_queries["alignment"] == pytest.approx(
        alignment(letters(TEXTS[:2], "query"), letters([others[0], others[2]], "document"))
    )
    of_array = evaluate_geometry(letters(TEXTS, "query"))
    assert of_array.n == 12


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: measure_geometry(np.ones((1, 4))), "found 1 vectors"),
        (lambda: measure_geometry(np.array([[1.0, np.nan], [1, 2]])), "row 0 holds a value"),
        (lambda: measure_geometry(np.eye(3), np.eye(4)), "expected the same shape"),
        (lambda: measure_geometry(np.eye(3), labels=[1, 1, 1]), "all labels are the same"),
        (lambda: measure_geometry(np.eye(3), labels=[1, 2]), r"labels have shape \(2,\)"),
        (lambda: measure_geometry(np.eye(3))["rank"], "no measure 'rank'; expected one of"),
        (lambda: evaluate_geometry(letters), "no data to encode"),
        (lambda: evaluate_geometry(letters, [1, 2]), "index 0: column 'input': found 1"),
        (
            lambda: evaluate_geometry(letters, RetrievalData({"a": "x"}, {"1": "y"}, {"1": {}})),
            "no query has a relevant",
        ),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
