"""A judge of pairs orders what was found anew, and its scores are the hits'."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from dipole.cli import main
from dipole.errors import InputError
from dipole.retrieval import Document, Index

Words = runpy.run_path(str(Path(__file__).parent / "words.py"))["Words"]
JUDGE = """
def longest(first, second):
    return [float(len(text)) for text in second]

class Short:
    def score(self, first, second):
        return [-float(len(text)) for text in second]
"""


@pytest.fixture
def index(tmp_path):
    documents = [Document(str(n), "one " + "two " * n) for n in range(120)]
    return Index.create(tmp_path / "docs", Words(), documents)


class Judge:
    def score(self, first, second):
        assert first == ["one"] * len(second)
        self.seen = len(second)
        return np.array([float(len(text)) for text in second])


def test_the_best_hundred_are_judged(index):
    judge = Judge()
    hits = index.search("one", 3, rerank=judge)
    assert judge.seen == 100  # those with the fewest other words
    assert [hit.id for hit in hits] == ["99", "98", "97"]
    assert [hit.score for hit in hits] == [float(len(hit.text)) for hit in hits]
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert index.search("one", 3)[0].id == "0"
    assert [hit.id for hit in index.search("one", 1, hybrid=True, rerank=judge)] != ["0"]
    index.search("one", 110, rerank=judge)
    assert judge.seen == 110


def test_what_is_no_judge_is_refused(index):
    class Wrong:
        def score(self, first, second):
            return np.zeros((len(second), 2))

    with pytest.raises(InputError, match=r"rerank: found scores of shape \(100, 2\) for 100"):
        index.search("one", rerank=Wrong())
    with pytest.raises(InputError, match="without words; expected no reranking"):
        index.search(np.ones(3), rerank=Judge())
    index.delete([str(number) for number in range(120)])
    assert index.search("one", rerank=Wrong()) == []


def test_on_the_command_line(index, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dipole.encoders.loading.load_encoder", Words.load)
    (tmp_path / "judge.py").write_text(JUDGE)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dipole", "search", str(index.folder), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    place = f"{tmp_path / 'judge.py'}:longest"
    code, out, _ = run("one", "-k", "2", "--rerank", place, "--json")
    found = json.loads(out)
    assert (code, found["rerank"]) == (0, place)
    assert [hit["id"] for hit in found["hits"]] == ["99", "98"]
    code, out, _ = run("one", "-k", "1", "--rerank", f"{tmp_path / 'judge.py'}:Short", "--json")
    assert [hit["id"] for hit in json.loads(out)["hits"]] == ["0"]
    Words().save(tmp_path / "model")
    code, _, err = run("one", "--rerank", str(tmp_path / "model"))
    assert (code, "encodes single texts; expected a cross-encoder" in err) == (2, True)
