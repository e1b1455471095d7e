"""Every task, every kind of system, and what is printed of them."""

import inspect
import json

import numpy as np
import pytest

from dipole.cli.evaluate import evaluate
from dipole.data import read_run
from dipole.errors import InputError
from support.evaluating import (
    ENCODERS,
    LABELLED,
    TRAIN,
    WORDS,
    Bag,
    invoke,
)


def test_retrieval_table(beir, tmp_path):
    files = tmp_path / "queries.tsv", tmp_path / "run.trec"
    result = invoke(
        "good", "--data", beir, "--baseline", "bm25", "--baseline", "worse",
        "--per-query", files[0], "--trec-run", files[1],
    )  # fmt: skip
    assert result.exit_code == 0
    for words in ("nDCG@10", "MRR@10", "Recall@100", "MAP@100", "good minus bm25",
                  "good minus worse", "39 queries", "left out: 1"):  # fmt: skip
        assert words in result.stdout
    assert len(files[0].read_text().splitlines()) == 1 + 3 * 39
    run = read_run(files[1])
    assert len(run) == 39
    assert {len(docs) for docs in run.values()} == {60}


def test_retrieval_json(beir):
    arguments = "good", "--data", beir, "--baseline", "bm25", "--json", "--seed", 3
    result = invoke(*arguments)
    report = json.loads(result.stdout)
    assert report["seed"] == 3
    assert list(report["systems"]) == ["good", "bm25"]
    for found in report["systems"]["good"]["metrics"].values():
        assert 0 <= found["value"] <= 1
    assert set(report["tests"]["bm25"]["MRR@10"]) == {
        "difference", "low", "high", "p_permutation", "p_bootstrap"
    }  # fmt: skip
    assert invoke(*arguments).stdout == result.stdout


def test_sts(pairs):
    result = invoke("good", "--task", "sts", "--data", pairs, "--baseline", "worse", "--json")
    report = json.loads(result.stdout)
    assert report["item"] == "pair"
    assert report["items"] == 50
    metrics = report["systems"]["good"]["metrics"]
    assert metrics["Spearman"]["low"] > 0.3
    assert report["tests"]["worse"]["Spearman"]["difference"] > 0
    assert "50 pairs" in invoke("good", "--task", "sts", "--data", pairs).stdout


def test_columns_by_name(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(
        "a,b,year,score,likeness\nopen file,open file,1,1,5\nopen,close,2,2,1\nx,y,3,3,0\n"
    )
    arguments = [
        "good",
        "--task",
        "sts",
        "--data",
        path,
        "--json",
        "--per-query",
        tmp_path / "o.jsonl",
    ]
    invoke(*arguments, "--score", "likeness", "--first", "b", "--second", "a")
    assert json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])["score"] == 5


@pytest.mark.parametrize(
    ("task", "arguments", "metrics", "items"),
    [
        ("knn", [*TRAIN, "--k", "5"], ["accuracy", "balanced accuracy"], "30 examples"),
        ("probe", TRAIN, ["accuracy", "balanced accuracy"], "30 examples"),
        ("few-shot", [*LABELLED, "--ways", "3", "--shots", "2", "--episodes", "20"], ["accuracy"],
         "20 episodes"),
        ("zero-shot", [*LABELLED, "--names", "header file, json date,sort open", "--template",
         "{{}}", "--template", "parse {{}}"], ["accuracy"], "30 examples"),
        ("clustering", LABELLED, ["V-measure", "NMI", "ARI"], "30 examples"),
        ("duplicates", LABELLED, ["MAP", "AP"], "30 examples"),
        ("bitext", ["--data", "{pairs}", "--anchor", "first", "--positive", "second"],
         ["F1", "accuracy forward", "accuracy backward"], "50 pairs"),
        ("pair-classification", ["--data", "{pairs}", "--score", "same"],
         ["AP", "accuracy", "F1"], "50 pairs"),
        ("reranking", ["--data", "{ranked}"], ["MAP", "MRR", "nDCG@10"], "3 queries"),
    ],
)  # fmt: skip
def test_every_task(task, arguments, metrics, items, labelled, tmp_path):
    rng = np.random.default_rng(3)
    lines = ["first,second,same"]
    for i in range(50):
        words = rng.choice(WORDS, 5)
        other = words[::-1] if i % 2 else rng.choice(WORDS, 5)
        lines.append(f"{' '.join(words)},{' '.join(other)} x{i},{i % 2}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    rows = [
        {"query": "open file", "candidates": ["close", "open file now"], "relevance": [0, 1]},
        {"query": "parse json", "candidates": ["json", "thread"], "relevance": [1, 0]},
        {"query": "sort date", "candidates": ["date", "sort date", "x"], "relevance": [1, 0, 0]},
    ]
    (tmp_path / "ranked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    places = {
        "labelled": labelled, "pairs": tmp_path / "pairs.csv", "ranked": tmp_path / "ranked.jsonl"
    }  # fmt: skip
    given = ["good", "--task", task, *(a.format(**places) for a in arguments)]
    out = tmp_path / "items.jsonl"
    result = invoke(*given, "--baseline", "worse", "--per-query", out)
    for words in (*metrics, items, "good minus worse"):
        assert words in result.stdout
    assert len(out.read_text().splitlines()) == 2 * int(items.split()[0])
    report = json.loads(invoke(*given, "--json").stdout)
    assert report["task"] == task
    for metric in metrics:
        assert 0.4 < report["systems"]["good"]["metrics"][metric]["value"] <= 1


def test_the_help_names_every_task():
    from dipole.evaluation.tasks.registry import TASKS

    # The help is written by hand: the table is not imported for it.
    annotated = inspect.signature(evaluate, eval_str=True).parameters["task"].annotation
    named = annotated.__metadata__[0].help.split(", ")
    assert named == [*TASKS, "or your own (file.py:NAME)."]


def test_images_against_their_pixels(tmp_path):
    report = json.loads(invoke("pixels", "--task", "knn", "--data", "digits", "--json").stdout)
    assert report["systems"]["pixels"]["metrics"]["accuracy"]["value"] > 0.9
    assert report["items"] == 359


def test_stored_vectors_are_a_system(labelled, tmp_path):
    texts, vectors = [], []
    for name in ("train", "test"):
        for line in (labelled / f"{name}.csv").read_text().splitlines()[1:]:
            text = line.split(",")[0]
            if text not in texts:
                texts.append(text)
                vectors.append(Bag().encode([text], "query")[0])
    np.savez(tmp_path / "mine.npz", ids=texts, vectors=vectors)
    given = [a.format(labelled=labelled) for a in TRAIN]
    stored, encoder = (
        json.loads(invoke(system, "--task", "knn", "--k", "5", *given, "--json").stdout)["systems"]
        for system in (str(tmp_path / "mine.npz"), "good")
    )
    assert next(iter(stored.values()))["metrics"] == encoder["good"]["metrics"]


def test_roles_can_be_exchanged(labelled, monkeypatch):
    seen = []

    class Towers(Bag):
        def encode(self, texts, role, show_progress=False):
            seen.append(role)
            return super().encode(texts, role)

    monkeypatch.setitem(ENCODERS, "towers", Towers())
    given = [a.format(labelled=labelled) for a in LABELLED]
    for role in ("query", "document"):
        invoke("towers", "--task", "clustering", *given, "--role", role)
    assert seen == ["query", "document"]


def test_geometry(pairs):
    # Graded pairs are no positives, unless their columns are named.
    with pytest.raises(InputError, match=r"found scores of pairs in 'score'.* --anchor and --pos"):
        invoke("good", "--task", "geometry", "--data", pairs)
    pairs = (pairs, "--anchor", "first", "--positive", "second")
    report = json.loads(invoke("good", "--task", "geometry", "--data", *pairs, "--json").stdout)
    assert report["task"] == "geometry"
    assert report["systems"]["good"]["vectors"] == 100
    assert "uniformity" in invoke("good", "--task", "geometry", "--data", *pairs).stdout


def test_cut_offs_have_the_same_names_everywhere(beir, tmp_path):
    out = tmp_path / "queries.tsv"
    arguments = ["good", "--data", beir, "--baseline", "bm25", "--at", "1,5", "--measure", "P",
                 "--measure", "Success", "--measure", "R-precision", "--measure", "MAP@R",
                 "--per-query", out]  # fmt: skip
    report = json.loads(invoke(*arguments, "--json").stdout)
    names = ["P@1", "P@5", "Success@1", "Success@5", "R-precision", "MAP@R"]
    assert all(list(found["metrics"]) == names for found in report["systems"].values())
    assert list(report["tests"]["bm25"]) == names
    assert out.read_text().splitlines()[0].split("\t")[2:] == names
    assert all(name in invoke(*arguments).stdout for name in names)


def test_queries_that_are_documents_for_every_system(beir, tmp_path):
    lines = (beir / "corpus.jsonl").read_text().splitlines()
    folder = tmp_path / "arguments"
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus", "queries"):
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    rows = [f"d{i}\td{(i + 1) % 60}\t1\n" for i in range(60)]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    out = tmp_path / "run.trec"
    arguments = ["good", "--data", folder, "--baseline", "bm25", "--json"]
    report = json.loads(invoke(*arguments, "--trec-run", out).stdout)
    for found in report["systems"].values():
        assert "60 of 60 queries are documents too (by id): left out" in found["notes"][0]
    assert all(q not in documents for q, documents in read_run(out).items())
    kept = json.loads(invoke(*arguments, "--keep-identical-ids").stdout)
    for name, found in kept["systems"].items():
        assert found["metrics"]["MRR@10"] != report["systems"][name]["metrics"]["MRR@10"]


def test_judgements_of_unknown_documents_are_said_where_asked(beir, tmp_path):
    import shutil

    folder = tmp_path / "cisi"
    shutil.copytree(beir, folder)
    with (folder / "qrels" / "test.tsv").open("a") as file:
        file.write("q0\td60\t1\n")
    with pytest.raises(InputError, match=r"unknown document 'd60'.*\(--on-bad-row skip keeps"):
        invoke("good", "--data", folder)
    arguments = ["good", "--data", folder, "--on-bad-row", "skip", "--json"]
    report = json.loads(invoke(*arguments).stdout)
    assert (
        "that the corpus lacks, which count and cannot be found: 1"
        in (report["systems"]["good"]["notes"][0])
    )
