import inspect
import json
import zlib

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import dipole.encoders
from dipole.cli.evaluate import evaluate
from dipole.data import read_run
from dipole.errors import InputError

WORDS = ["parse", "header", "file", "socket", "thread", "json", "date", "sort", "open", "close"]


class Bag:
    """Counts of hashed words: an encoder good enough to find most."""

    def __init__(self, noise=0.0):
        self.noise = noise

    def encode(self, texts, role, show_progress=False):
        vectors = np.zeros((len(texts), 64))
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32(word.encode()) % 64] += 1
        vectors += self.noise * np.random.default_rng(0).standard_normal(vectors.shape)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Broken(Bag):
    def __init__(self, value):
        self.value = value

    def encode(self, texts, role, show_progress=False):
        return np.full((len(texts), 4), self.value)


ENCODERS = {
    "good": Bag(),
    "worse": Bag(0.7),
    "nan": Broken(np.nan),
    "constant": Broken(0.5),
}


@pytest.fixture(autouse=True)
def encoders(monkeypatch):
    def load(source):
        name = str(source).rsplit("/", 1)[-1]
        if name not in ENCODERS:
            raise InputError(f"{source}: no such folder")
        return ENCODERS[name]

    monkeypatch.setattr(dipole.encoders, "load_encoder", load, raising=False)


@pytest.fixture(scope="module")
def beir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beir")
    rng = np.random.default_rng(0)
    docs = [" ".join(rng.choice(WORDS, 6)) for _ in range(60)]
    queries = [" ".join(rng.permutation(d.split())[:4]) for d in docs[:40]]

    def write(name, rows):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": t} for i, t in enumerate(docs)])
    write("queries.jsonl", [{"_id": f"q{i}", "text": t} for i, t in enumerate(queries)])
    (folder / "qrels").mkdir()
    lines = [f"q{i}\td{i}\t{int(i != 7)}\n" for i in range(40)]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("sts") / "pairs.csv"
    rng = np.random.default_rng(1)
    lines = ["first,second,score"]
    for _ in range(50):
        same = int(rng.integers(0, 6))
        first, other = rng.choice(WORDS, 5), rng.choice(WORDS, 5)
        lines.append(f"{' '.join(first)},{' '.join([*first[:same], *other[same:]])},{same}")
    path.write_text("\n".join(lines) + "\n")
    return path


app = typer.Typer()
app.command()(evaluate)


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


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
    ("arguments", "match"),
    [
        (
            ["good", "--task", "sums"],
            "--task sums: no such task; expected retrieval, sts, reranking, ",
        ),
        (["none", "--data", "{beir}"], "none: no such folder"),
        (["good", "--data", "{beir}", "--baseline", "bm52"], "bm52: .* did you mean 'bm25'?"),
        (["good", "--data", "{beir}", "--baseline", "good"], "good: given twice"),
        (["good", "--task", "sts", "--data", "{pairs}", "--baseline", "bm25"], "finds documents"),
        (["good", "--task", "sts", "--data", "{pairs}", "--trec-run", "x"], "ranks nothing"),
        (
            ["good", "--data", "{beir}", "--score", "x"],
            "--score: a column that retrieval does not have; expected --task sts, pair-",
        ),
        (["good", "--data", "{beir}", "--per-query", "x.csv"], "expected .jsonl or .tsv"),
        (["good", "--data", "{beir}", "--trec-run", "no/x"], "no folder no"),
        (["good", "--data", "{beir}", "--split", "dev"], "dev"),
        (["good", "--data", "no-such-data"], "no-such-data"),
        (["nan", "--data", "{beir}"], "nan: 39 of 39 query vectors are not finite"),
        (["constant", "--data", "{beir}"], "constant: all 60 documents have the same vector"),
        (["constant", "--task", "sts", "--data", "{pairs}"], "cosines of constant are the same"),
        (["good", "--task", "knn"], "--task knn: no data; expected --data, texts or images with"),
        (
            ["good", "--task", "knn", "--data", "{pairs}"],
            "a file has no train split; expected --tr",
        ),
        (
            ["good", "--task", "sts", "--data", "{pairs}", "--k", "3"],
            "--k: a setting of --task knn",
        ),
        (["good", "--template", "{{}}"], "--template: a setting of --task zero-shot"),
        (["good", "--train", "x"], "--train: retrieval learns nothing; expected --task knn or pro"),
        (["good", "--role", "query"], "--role: retrieval knows its roles; expected --task knn, "),
        (
            ["pixels", "--task", "knn", "--data", "digits", "--role", "x"],
            "--role x: expected query",
        ),
        (["pixels"], "pixels: vectors of images; expected a task on labelled images"),
        (
            ["pixels", "--task", "knn", "--data", "digits", "--split", "train"],
            "--split train: it is",
        ),
        (
            ["pixels", "--task", "knn", "--data", "digits", "--k", "9999"],
            "k is 9999; expected 1 to",
        ),
        (["good", "--task", "geometry", "--per-query", "x.tsv"], "measures no single items"),
        (["none.npz", "--data", "{beir}"], "none.npz: no such file of vectors"),
        (["none.npz", "--task", "knn", "--data", "digits", "--role", "query"], "encode nothing"),
        (
            ["good", "--task", "sts", "--data", "{pairs}", "--split", "dev"],
            "--split dev: .* is a file",
        ),
        (["good", "--data", "{beir}", "--anchor", "text"], "found anchor='text' for data whose"),
        (["good", "--data", "stdlib-code", "--positive", "x"], "found positive='x' for data"),
        (["good", "--data", "{beir}", "--query", "x"], "--query: a column that retrieval does not"),
        (["good", "--data", "{beir}", "--on-bad-row", "x"], "--on-bad-row x: expected error or sk"),
        (["good", "--data", "{beir}", "--at", "1,x"], "--at 1,x: expected whole numbers from 1 on"),
        (["good", "--data", "{beir}", "--at", "61"], "nDCG@61: the corpus has 60 documents"),
        (["none", "--data", "{beir}", "--measure", "MPR"], "no such measure; did you mean"),
        (
            ["good", "--task", "sts", "--data", "{pairs}", "--at", "3"],
            "--at: a setting of --task re",
        ),
        (["good", "--task", "sts", "--data", "{pairs}", "--measure", "P"], "--measure: a setting"),
        (
            ["good", "--task", "knn", "--data", "{pairs}", "--keep-identical-ids"],
            "--ignore-identical-ids: a setting of --task retrieval, not of knn",
        ),
        (
            ["good", "--task", "geometry", "--data", "{pairs}", "--anchor", "a", "--label", "b"],
            "--label: found beside columns of pairs data; expected --anchor, --positive alone",
        ),
    ],
)
def test_errors_are_one_line(arguments, match, beir, pairs):
    with pytest.raises(InputError, match=match) as error:
        invoke(*(a.format(beir=beir, pairs=pairs) for a in arguments))
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Two files of texts about three subjects."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(2)
    for name, n in (("train", 45), ("test", 30)):
        rows = [(" ".join(rng.choice(WORDS[3 * (i % 3) :][:4], 5)), f"c{i % 3}") for i in range(n)]
        lines = [f"{text},{label}" for text, label in rows]
        (folder / f"{name}.csv").write_text("\n".join(["text,subject", *lines]) + "\n")
    return folder


LABELLED = ["--data", "{labelled}/test.csv", "--input", "text", "--label", "subject"]
TRAIN = [*LABELLED, "--train", "{labelled}/train.csv"]


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
    named = annotated.__metadata__[0].help.rstrip(".").replace(" or ", ", ").split(", ")
    assert named == [*TASKS, "file.py:NAME", "one of your own"]


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


def run_folder(folder, **config):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("".join(f"{k}: {v}\n" for k, v in config.items()))
    return str(folder)


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


@pytest.fixture
def turned(tmp_path):
    """A file whose columns stand in the other order than the run had them."""
    rng = np.random.default_rng(5)
    answers = [" ".join(rng.choice(WORDS, 6)) + f" a{i}" for i in range(20)]
    lines = [f"{answers[i // 2]},{' '.join(answers[i // 2].split()[:4])} q{i}" for i in range(40)]
    path = tmp_path / "qa.csv"
    path.write_text("\n".join(["answer,question", *lines]) + "\n")
    return path


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


@pytest.fixture
def never_encoded(monkeypatch):
    class Never:
        def encode(self, texts, role, show_progress=False):
            raise AssertionError("encoded")

    monkeypatch.setitem(ENCODERS, "never", Never())


@pytest.mark.usefixtures("never_encoded")
def test_what_can_be_refused_is_refused_before_the_encoding(tmp_path, beir):
    """Nothing is encoded, and nothing is written."""
    path = tmp_path / "blank.jsonl"
    rows = [{"id": f"row {i}", "anchor": f"open {i}", "positive": f"file {i}"} for i in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    out.mkdir()
    files = ["--per-query", out / "q.jsonl", "--trec-run", out / "run.trec"]
    with pytest.raises(InputError, match="--trec-run: the query id 'q/row 0' holds blanks"):
        invoke("never", "--data", path, *files)
    (tmp_path / "file").write_text("")
    for arguments, match in (
        (["--per-query", tmp_path / "none" / "q.jsonl"], "--per-query .*: no folder"),
        (["--per-query", tmp_path / "file" / "q.jsonl"], "--per-query .*: no folder"),
        (["--trec-run", out], "--trec-run .*: is a folder; expected a file"),
        (["--per-query", out / "x.tsv", "--trec-run", out / "x.tsv"], "given twice"),
        (["--at", "1000"], "nDCG@1000: the corpus has 60 documents; expected a cut-off of at most"),
    ):
        with pytest.raises(InputError, match=match):
            invoke("never", "--data", beir, *arguments)
    assert list(out.iterdir()) == []


def test_files_are_written_all_or_none(tmp_path, beir, monkeypatch):
    import dipole.data.trec

    def broken(path, lines):
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    out.mkdir()
    (out / "q.jsonl").write_text("before")
    monkeypatch.setattr(dipole.data.trec, "_write", broken)
    with pytest.raises(OSError, match="No space"):
        invoke(
            "good", "--data", beir, "--per-query", out / "q.jsonl", "--trec-run", out / "run.trec"
        )
    assert [path.name for path in out.iterdir()] == ["q.jsonl"]
    assert (out / "q.jsonl").read_text() == "before"


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
