"""What a run was trained on decides which columns and split are measured, and is said."""

import json

import numpy as np
import pytest

from dipole.errors import InputError
from support.evaluating import invoke, run_folder


def test_the_split_of_the_run_is_the_one_that_is_measured(tmp_path):
    """A run trained on split 1 of stdlib-code has seen test functions of split 0."""
    good = run_folder(tmp_path / "good", data="stdlib-code", split_seed=1)
    other = run_folder(tmp_path / "worse", data="stdlib-code", split_seed=2)
    report = json.loads(invoke(good, "--json").stdout)
    assert report["seed"] == 1
    assert invoke(good, "--json", "--seed", 1).stdout == invoke(good, "--json").stdout
    with pytest.raises(InputError, match="split by seed 1, measured on the split by seed 0"):
        invoke(good, "--seed", 0)
    with pytest.raises(InputError, match="worse: trained on stdlib-code split by seed 2"):
        invoke(good, "--baseline", other)


def test_measuring_on_the_training_data_is_said(tmp_path, beir):
    good = run_folder(tmp_path / "good", data=beir, split="test")
    assert "trained on the examples measured here" in invoke(good, "--data", beir).stdout
    other = run_folder(tmp_path / "other" / "good", data=beir, split="train")
    assert "trained on" not in invoke(other, "--data", beir).stdout


def test_a_broken_config_is_no_reason_to_fail(tmp_path, beir):
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "config.yaml").write_text("a: [")
    assert invoke(tmp_path / "good", "--data", beir).exit_code == 0


def test_the_columns_of_the_run_are_measured(tmp_path, turned):
    """40 questions find 20 answers, whatever the order of the columns in the file."""
    run = run_folder(tmp_path / "good", data="x.csv", anchor="question", positive="answer")
    result = invoke(run, "--data", turned)
    assert "question -> answer: 40 queries, 20 documents" in result.stdout
    report = json.loads(invoke(run, "--data", turned, "--json").stdout)
    assert (report["direction"], report["queries"], report["documents"]) == (
        "question -> answer", 40, 20
    )  # fmt: skip
    named = invoke(
        run, "--data", turned, "--json", "--anchor", "answer", "--positive", "question"
    )  # what is named stands
    report = json.loads(named.stdout)
    assert (report["direction"], report["queries"]) == ("answer -> question", 20)
    assert report["systems"][run]["notes"] == [
        "trained on anchor 'question', positive 'answer'; measured on anchor 'answer', positive "
        "'question'"
    ]


def test_columns_that_the_data_lack_are_not_taken(tmp_path, turned):
    run = run_folder(tmp_path / "good", data="x.csv", anchor="title", positive="body")
    report = json.loads(
        invoke(
            run, "--data", turned, "--anchor", "question", "--positive", "answer", "--json"
        ).stdout
    )
    assert report["direction"] == "question -> answer"
    assert report["systems"][run]["notes"] == []


def test_of_two_runs_the_first_decides_and_the_other_is_said(tmp_path, turned):
    good = run_folder(tmp_path / "good", data="x.csv", anchor="question", positive="answer")
    worse = run_folder(tmp_path / "worse", data="x.csv", anchor="answer", positive="question")
    report = json.loads(invoke(good, "--baseline", worse, "--data", turned, "--json").stdout)
    assert report["direction"] == "question -> answer"
    assert report["systems"][good]["notes"] == []
    assert report["systems"][worse]["notes"] == [
        "trained on anchor 'answer', positive 'question'; measured on anchor 'question', positive "
        "'answer'"
    ]
    # A model that is no run says nothing: then it is the baseline's columns.
    report = json.loads(invoke("good", "--baseline", worse, "--data", turned, "--json").stdout)
    assert report["direction"] == "answer -> question"


def test_what_a_run_took_without_being_told_is_known(tmp_path, turned):
    run = run_folder(tmp_path / "good", data="x.csv")
    parts = [{"role": "training", "columns": {"anchor": "question", "positive": "answer"}}]
    (tmp_path / "good" / "data.json").write_text(json.dumps({"parts": parts}))
    report = json.loads(invoke(run, "--data", turned, "--json").stdout)
    assert report["direction"] == "question -> answer"


def test_other_tasks_take_the_columns_of_the_run_too(tmp_path):
    path = tmp_path / "scored.csv"
    rows = "".join(f"{i},open file {i},{i % 3},open file {i % 3}\n" for i in range(9))
    path.write_text("score,right,likeness,left\n" + rows)
    run = run_folder(tmp_path / "good", data="x", anchor="left", positive="right", score="likeness")
    report = json.loads(invoke(run, "--task", "sts", "--data", path, "--json").stdout)
    assert report["columns"] == {"first": "left", "second": "right", "score": "likeness"}
    path.write_text("kind,body,note\n" + "".join(f"k{i % 2},open {i},x{i}\n" for i in range(9)))
    run = run_folder(tmp_path / "2" / "good", data="x", anchor="body", label="kind")
    report = json.loads(invoke(run, "--task", "clustering", "--data", path, "--json").stdout)
    assert report["columns"] == {"input": "body", "label": "kind"}
    rows = [{"ask": "open file", "texts": ["close", "open file now"], "worth": [0, 1]}]
    lists = tmp_path / "lists.jsonl"
    lists.write_text("".join(json.dumps(row) + "\n" for row in rows))
    named = ["--query", "ask", "--candidates", "texts", "--relevance", "worth"]
    result = invoke("good", "--task", "reranking", "--data", lists, *named, "--json", "--at", 1)
    report = json.loads(result.stdout)
    assert report["columns"] == {"query": "ask", "candidates": "texts", "relevance": "worth"}
    assert list(report["systems"]["good"]["metrics"]) == ["MAP@1", "MRR@1", "nDCG@1"]


def trained_on(folder, *sources):
    """A run folder as a training on these examples leaves it."""
    from dipole.data.fingerprint import fingerprint, joined_fingerprint

    parts = [{"role": "training", **fingerprint(source)} for source in sources]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.json").write_text(json.dumps(joined_fingerprint(parts) | {"parts": parts}))


def notes_of(run, *arguments):
    return json.loads(invoke(run, *arguments, "--json").stdout)["systems"][run]["notes"]


def test_rows_that_the_run_has_seen_are_counted_by_their_contents(tmp_path, turned):
    """Whatever file they come from, in whatever order; and not for the name of the file."""
    from dipole.data import load_pairs

    run = run_folder(
        tmp_path / "good", data=str(turned), anchor="question", positive="answer", split="train"
    )
    whole = load_pairs(turned, anchor="question", positive="answer")
    trained_on(tmp_path / "good", whole.select(np.arange(30)))
    copy = tmp_path / "copy.csv"
    header, *rows = turned.read_text().splitlines()
    copy.write_text("\n".join([header, *rows[::-1]]) + "\n")
    expected = "trained on 30 of the 40 rows measured here: of these it says how well it remembers"
    assert notes_of(run, "--data", copy) == [expected]
    trained_on(tmp_path / "good", whole.select([0, 1]), whole.select(np.arange(2, 40)))
    assert notes_of(run, "--data", copy)[0].startswith("trained on all 40 rows measured here")
    turn = ("--anchor", "answer", "--positive", "question")
    assert notes_of(run, "--data", copy, *turn)[-1].startswith("trained on all 40 rows measured")
    # Other rows in the same file: nothing was seen.
    turned.write_text("answer,question\nopen file a,open q\nclose file b,close r\n")
    assert notes_of(run, "--data", turned) == []


def test_every_stage_counts(tmp_path, turned):
    from dipole.data import load_pairs

    run = run_folder(tmp_path / "good", data="x.csv", anchor="question", positive="answer")
    whole = load_pairs(turned, anchor="question", positive="answer")
    for number, rows in ((1, [0, 1, 2]), (2, [2, 3])):
        trained_on(tmp_path / "good" / "stages" / str(number), whole.select(rows))
    assert notes_of(run, "--data", turned)[0].startswith("trained on 4 of the 40 rows measured")


def test_seen_judgements_of_a_folder_are_counted(tmp_path, beir):
    from dipole.data import load_pairs

    run = run_folder(tmp_path / "good", data="x")
    trained_on(tmp_path / "good", load_pairs(beir, split="test").select(np.arange(5)))
    assert notes_of(run, "--data", beir)[-1].startswith("trained on 5 of the 39 rows measured")
