"""The audit of views, against loops over single texts; its command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.evaluation.view_audit import ANOTHER, audit_views
from dipole.views import build_views
from dipole.views.base import View

TEXTS = ["a red cat", "a red dog", "the blue sky", "blue blue sea", "a cat and a dog", "old sea"]


class First(View):
    """The first word alone."""

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def forward(self, inputs: list[str], generator: Any) -> list[str]:
        return [text.split()[0] for text in inputs]


def judge(texts: list[str]) -> np.ndarray:
    """Counts of letters."""
    return np.array([[t.count(x) + 0.1 for x in "abcdeglrstu"] for t in texts])


def cosine(a: str, b: str) -> float:
    u, v = judge([a, b])
    return float(u @ v / np.sqrt((u @ u) * (v @ v)))


def test_every_measure_is_that_of_a_loop_over_texts() -> None:
    (found, _) = audit_views(judge, TEXTS, {"first": First()})
    for i, text in enumerate(TEXTS):
        view = text.split()[0]
        own, others = cosine(text, view), [cosine(text, x) for x in TEXTS if x != text]
        words, kept = set(text.split()), {view}
        expected = {
            "similarity": own,
            "kept": float(own > max(others)),
            "AUROC": np.mean([(own > x) + 0.5 * (own == x) for x in others]),
            "changed": 1.0,
            "diversity": 1 - len(words & kept) / len(words | kept),
        }
        for name, value in expected.items():
            assert found.result.per_item[name][i] == pytest.approx(value, abs=1e-9), (name, text)


def test_the_same_text_is_always_kept_and_another_text_never() -> None:
    same, other = audit_views(judge, TEXTS, {"same": build_views(["same"])[0]})
    assert same.result.value("kept") == same.result.value("AUROC") == 1
    assert same.result.value("changed") == same.result.value("diversity") == 0
    assert other.result.system == ANOTHER
    assert other.result.value("kept") == 0
    assert set(other.rendered) <= set(TEXTS)
    assert all(a != b for a, b in zip(other.texts, other.rendered, strict=True))
    assert same.worst(3) == []  # nothing was changed


def test_the_class_of_a_view_is_told_by_a_classifier_that_has_not_seen_its_text() -> None:
    texts = [f"{word} {i}" for word in ("aaa", "ttt") for i in range(10)]
    labels = [text[0] for text in texts]
    same, other = audit_views(judge, texts, {"same": build_views(["same"])[0]}, labels=labels)
    assert same.result.value("label kept") == 1
    expected = [a[0] == b[0] for a, b in zip(other.texts, other.rendered, strict=True)]
    assert other.result.per_item["label kept"].tolist() == expected
    assert same.result.notes == ("the classifier is right for 100.0% of the texts",)


@pytest.mark.parametrize(
    ("texts", "views", "labels", "line"),
    [
        (["a", "b"], ["same"], None, "views: found 2 different texts; expected 3 or more"),
        (["a", "b", "a"], ["same"], None, "views: found equal texts; expected each text once"),
        (TEXTS, ["token-cutoff"], None, "view token-cutoff: changes what an encoder makes"),
        (TEXTS, ["same"], ["x"] * 6, "labels: found one class ('x'); expected two or more"),
        (TEXTS, ["same"], ["x"] * 5 + ["y"], "labels: found too few texts of a second class"),
        (TEXTS, ["same"], ["x"], "labels: found 1 for 6 texts; expected one each"),
    ],
)
def test_mistakes(texts: list[str], views: list[str], labels: Any, line: str) -> None:
    made = {name: build_views([name])[0] for name in views}
    with pytest.raises(InputError) as error:
        audit_views(judge, texts, made, labels=labels)
    assert str(error.value).startswith(line)


@pytest.fixture
def _files() -> None:
    StaticText.from_texts(TEXTS, TEXTS, dim=64).save("model")
    rows = [f"{text},{'red' if 'a ' in text else 'blue'}" for text in [*TEXTS, TEXTS[0]]]
    Path("texts.csv").write_text("\n".join(["text,colour", *rows]) + "\n")


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["views", "texts.csv", "--judge", "model", *options])


@pytest.mark.usefixtures("_files")
def test_the_command_shows_each_view_and_its_least_similar_text() -> None:
    asked = ("--view", "word-deletion", "--view", "word-deletion:rate=0.9", "--anchor", "text")
    done = run(*asked)
    assert done.exit_code == 0, done.output
    assert "6 different texts" in done.output
    assert "another text" in done.output
    assert "word-deletion:rate=0.9, similarity" in done.output
    found = json.loads(run(*asked, "--label", "colour", "--json").stdout)
    similar = {name: one["measures"]["similarity"] for name, one in found["views"].items()}
    assert similar["word-deletion"]["value"] > similar["word-deletion:rate=0.9"]["value"]
    assert similar["another text"]["low"] <= similar["another text"]["value"]
    assert "label kept" in found["views"]["another text"]["measures"]
    drawn = run(*asked, "--most", "4", "--samples", "0")
    assert "4 of 6 different texts, drawn" in drawn.output


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--view", "word-delition"], "--view: found 'word-delition'; did you mean"),
        (["--view", "word-deletion:rat=0.5"], "view option 'rat': no such setting of word-delet"),
        (["--view", "same", "--view", "same"], "--view same: given twice"),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], line: str) -> None:
    done = run(*options)
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(line)
