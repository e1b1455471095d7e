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
        (["good", "--data", "{beir}", "--baseline", "bm52"], "bm52: no such folder"),
        (["good", "--data", "{beir}", "--baseline", "good"], "good: given twice"),
        (["good", "--task", "sts", "--data", "{pairs}", "--baseline", "bm25"], "finds documents"),
        (["good", "--task", "sts", "--data", "{pairs}", "--trec-run", "x"], "ranks nothing"),
        (
            ["good", "--data", "{beir}", "--score", "x"],
            "--score: a column that retrieval does not have; expected --task sts or pair-",
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
    from dipole.evaluation.tasks import TASKS

    # The help is written by hand: the table is not imported for it.
    annotated = inspect.signature(evaluate, eval_str=True).parameters["task"].annotation
    named = annotated.__metadata__[0].help.rstrip(".").replace(" or ", ", ").split(", ")
    assert named == list(TASKS)


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
    report = json.loads(invoke("good", "--task", "geometry", "--data", pairs, "--json").stdout)
    assert report["task"] == "geometry"
    assert report["systems"]["good"]["vectors"] == 100
    assert "uniformity" in invoke("good", "--task", "geometry", "--data", pairs).stdout


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
