import pytest

from dipole.data import Labeled, Pairs, Scored, Texts
from dipole.errors import InputError, RunError
from dipole.lock import LOCK, Lock
from dipole.studies.budget import parse_budget
from dipole.studies.comparison import compare as module
from dipole.studies.comparison.compare import compare, defaults_for, measure_for
from dipole.studies.running import FAILED


def test_as_json(comparison):
    found = comparison.to_json()
    by_name = {arm["arm"]: arm for arm in found["arms"]}
    assert set(by_name) == {"good", "near", "far"}
    assert not by_name["far"]["tied_with_best"]
    assert by_name["good"]["tied_with_best"]
    assert by_name["near"]["tied_with_best"]
    assert by_name["far"]["behind_best"] < -15
    assert by_name["far"]["p"] < 0.01
    assert found["failures"] == {"<bad>": "no & never"}
    assert found["budget"] == "9 s of training"
    assert by_name["good"]["steps"] == 7


def test_what_is_measured_on_what():
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    labelled = Labeled.from_columns({"input": ["a"], "label": [1]})
    scored = Scored.from_columns({"first": ["a"], "second": ["b"], "score": [1.0]})
    assert measure_for(pairs) == ("retrieval", "MRR@10")
    assert measure_for(labelled) == ("knn", "kNN accuracy")
    assert measure_for(scored) == ("sts", "Spearman")
    with pytest.raises(InputError, match="nothing to measure on"):
        measure_for(Texts.from_columns({"text": ["a"]}))


def test_images_have_a_tower_and_views():
    assert defaults_for("fashion-mnist")["encoder"] == "conv"
    assert defaults_for("fashion-mnist")["view"] == ["simclr"]
    assert defaults_for("stdlib-code") == defaults_for("clinc150") == {}


def test_where_all_fail_the_first_reason_is_said(settings, tmp_path, made_row, monkeypatch):
    rows = [made_row("a", 0, FAILED, "the loss is nan")]
    monkeypatch.setattr(module, "run_study", lambda *_, **__: rows)
    with pytest.raises(RunError, match="no arm could be trained; a: the loss is nan"):
        compare({"a": settings}, parse_budget("2steps"), tmp_path, seeds=1)


def test_a_test_that_is_trained_on_is_said(settings, tmp_path, made_row, monkeypatch):
    rows = [made_row("a", 0, FAILED, "no")]
    monkeypatch.setattr(module, "run_study", lambda *_, **__: rows)
    data, said = str(settings["data"]), []
    for test in (data, None):
        with pytest.raises(RunError):
            compare({"a": settings}, parse_budget("2steps"), tmp_path, seeds=1, test=test,
                    said=said.append)  # fmt: skip
    (line,) = [line for line in said if line.startswith("warning")]
    assert line.startswith("warning: 100% of the test rows are trained on")


def test_two_comparisons_in_one_folder(tmp_path, settings):
    with (
        Lock(tmp_path / "x" / LOCK, "x"),
        pytest.raises(RunError, match="another comparison is at"),
    ):
        compare({"a": settings, "b": settings}, parse_budget("1steps"), tmp_path / "x", seeds=1)
