from dataclasses import replace

import numpy as np
import pytest

from dipole.data import Labeled, Pairs, Scored, Texts
from dipole.errors import InputError, RunError
from dipole.lock import LOCK, Lock
from dipole.studies.budget import parse_budget
from dipole.studies.comparison import compare as module
from dipole.studies.comparison.compare import compare, defaults_for, measure_for
from dipole.studies.comparison.html import report_html
from dipole.studies.running import DONE, FAILED


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
        compare({"a": settings}, parse_budget("2steps"), tmp_path, seeds=[1])


def test_a_test_that_is_trained_on_is_said(settings, tmp_path, made_row, monkeypatch):
    rows = [made_row("a", 0, FAILED, "no")]
    monkeypatch.setattr(module, "run_study", lambda *_, **__: rows)
    data, said = str(settings["data"]), []
    for test in (data, None):
        with pytest.raises(RunError):
            compare({"a": settings}, parse_budget("2steps"), tmp_path, seeds=[1], test=test,
                    said=said.append)  # fmt: skip
    (line,) = [line for line in said if line.startswith("warning")]
    assert line.startswith("warning: 100% of the test rows are trained on")


def test_two_comparisons_in_one_folder(tmp_path, settings):
    with (
        Lock(tmp_path / "x" / LOCK, "x"),
        pytest.raises(RunError, match="another comparison is at"),
    ):
        compare({"a": settings, "b": settings}, parse_budget("1steps"), tmp_path / "x", seeds=[1])


@pytest.fixture
def trained(tmp_path, made_row, monkeypatch):
    """What each arm gets on 50 test items in the place of a training, and which cells were run."""
    ran = []

    def run(cells, *_, **__):
        ran.append([(cell.arm, cell.seed, cell.test) for cell in cells])
        rows = []
        for cell in cells:
            rng = np.random.default_rng([cell.seed, ord(cell.arm[0])])
            values = rng.normal(0.0 if cell.arm == "far" else 50.0, 1, 50)
            row = made_row(f"{len(ran)}/{cell.arm}", cell.seed, DONE, **{"MRR@10": values})
            rows.append(replace(row, cell=cell))
        return rows

    monkeypatch.setattr(module, "run_study", run)
    return ran


def test_arms_that_cannot_be_told_from_the_best_get_more_seeds(settings, tmp_path, trained):
    arms = dict.fromkeys(("far", "good", "near"), settings)
    found = compare(arms, parse_budget("1steps"), tmp_path, seeds=[5, 10, 20])
    assert [len({arm for arm, _, _ in cells}) for cells in trained] == [3, 2, 2]
    assert [max(seed for _, seed, _ in cells) for cells in trained] == [4, 9, 19]
    seeds = {place.system: len(place.score.per_seed) for place in found.places}
    assert seeds == {"far": 5, "good": 20, "near": 20}
    assert found.level == 0.9779
    assert found.places[-1].system == "far"
    assert not found.places[-1].tied
    assert "5 of 20 seeds" in report_html(found)
    alone = compare({"far": settings, "good": settings}, parse_budget("1steps"), tmp_path,
                    seeds=[5, 10])  # fmt: skip
    assert (alone.seeds, alone.advice) == (5, "")


def test_few_seeds_that_decide_nothing_are_said_to_be_few(settings, tmp_path, trained):
    arms = dict.fromkeys(("good", "near"), settings)
    for seeds, says in ((1, "One seed says nothing"), (2, "Two seeds are too few"),
                        (3, "3 seeds tell little apart"), (5, "")):  # fmt: skip
        found = compare(arms, parse_budget("1steps"), tmp_path, seeds=[seeds])
        tied = all(place.tied for place in found.places)
        assert found.advice.startswith(says) if tied and says else not found.advice
        assert found.advice in report_html(found)


def test_a_fold_is_a_seed_and_its_test(settings, tmp_path, trained):
    arms = dict.fromkeys(("far", "good"), settings)
    found = compare(arms, parse_budget("1steps"), tmp_path, folds=4)
    assert sorted(trained[0])[:4] == [("far", i, f"{i + 1}/4") for i in range(4)]
    assert found.outcome["far"]["MRR@10"].shape == (4, 1)
    assert found.seeds == 4
