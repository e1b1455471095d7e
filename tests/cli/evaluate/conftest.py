"""Encoders by name, and data of every kind."""

import json

import numpy as np
import pytest

import dipole.encoders
from dipole.errors import InputError
from support.evaluating import ENCODERS, WORDS


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


@pytest.fixture
def turned(tmp_path):
    """A file whose columns stand in the other order than the run had them."""
    rng = np.random.default_rng(5)
    answers = [" ".join(rng.choice(WORDS, 6)) + f" a{i}" for i in range(20)]
    lines = [f"{answers[i // 2]},{' '.join(answers[i // 2].split()[:4])} q{i}" for i in range(40)]
    path = tmp_path / "qa.csv"
    path.write_text("\n".join(["answer,question", *lines]) + "\n")
    return path


@pytest.fixture
def never_encoded(monkeypatch):
    class Never:
        def encode(self, texts, role, show_progress=False):
            raise AssertionError("encoded")

    monkeypatch.setitem(ENCODERS, "never", Never())
