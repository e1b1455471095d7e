"""`evaluate`: the functions of the tasks and `dipole evaluate` under one name."""

import json
from pathlib import Path

import numpy as np
import pytest

from dipole.data import Ranked, Scored, load_pairs, load_scored
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.evaluation import evaluate, evaluate_knn, evaluate_retrieval, evaluate_sts

TEXTS = ["open a file", "close the file", "sort a list", "read a line", "join two paths"]
PAIRS = [(text, f"{text} now") for text in TEXTS]
SCORED = [(text, TEXTS[0], i / 5) for i, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def encoder():
    return StaticText.from_texts(TEXTS, TEXTS, dim=16)


def same(first, second):
    assert first.metrics == second.metrics
    assert [first.value(m) for m in first.metrics] == [second.value(m) for m in second.metrics]


def test_data_say_what_they_are_for(encoder):
    same(evaluate(encoder, PAIRS), evaluate_retrieval(encoder, PAIRS))
    same(evaluate(encoder, load_pairs(PAIRS)), evaluate_retrieval(encoder, PAIRS))
    scored = load_scored(SCORED)
    assert isinstance(scored, Scored)
    same(evaluate(encoder, scored), evaluate_sts(encoder, SCORED))
    lists = {"query": [TEXTS[0]], "candidates": [TEXTS[1:3]], "relevance": [[1, 0]]}
    assert evaluate(encoder, Ranked.from_columns(lists)).task == "reranking"


def test_a_model_and_data_by_their_names(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    path = tmp_path / "pairs.jsonl"
    rows = [{"anchor": a, "positive": b} for a, b in PAIRS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = evaluate(tmp_path / "model", path, at=[2])
    same(found, evaluate_retrieval(encoder, PAIRS, at=[2]))
    assert found.system == str(tmp_path / "model")
    assert evaluate(encoder, PAIRS, system="mine").system == "mine"
    np.savez(tmp_path / "v.npz", keys=[], vectors=np.zeros((0, 4)))
    with pytest.raises(InputError):  # read as vectors, of which there are none
        evaluate(tmp_path / "v.npz", PAIRS)


def test_what_learns_is_given_what_to_learn_from(encoder):
    known = {"x": TEXTS, "label": [0, 0, 1, 1, 1]}
    asked = {"x": [f"{text} now" for text in TEXTS[::2]], "label": [0, 1, 1]}
    found = evaluate(encoder, asked, "knn", train=known, k=2)
    same(found, evaluate_knn(encoder, known, asked, k=2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PAIRS, "retrievl"), "--task retrievl: no such task; expected retrieval"),
        ((PAIRS, "geometry"), "task: geometry is not a Result; expected evaluate_geometry"),
        (({"x": TEXTS, "label": TEXTS}, "knn"), "train: task knn learns from labelled data"),
        (("none.csv",), "none.csv: found no data set, file or folder"),
        ((3,), "retrieval: found the number 3|retrieval: found int|found"),
    ],
)
def test_what_is_wrong_is_one_line(encoder, arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate(encoder, *arguments)


def test_settings_are_those_of_the_task(encoder):
    for settings, message in (
        ({"k": 3}, "k: no such setting of task retrieval"),
        ({"train": PAIRS}, "train: does nothing in task retrieval; expected none"),
        ({"split": "test"}, "split: found 'test' beside data in memory; expected none"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate(encoder, PAIRS, **settings)
    Path("a.csv").write_text("x,label\na,0\nb,1\n")
    with pytest.raises(InputError, match="train: found a table beside the name of data"):
        evaluate(encoder, "a.csv", "knn", train={"x": ["a"], "label": [0]})
    with pytest.raises(InputError, match="'none': no such folder"):
        evaluate("none", PAIRS)
