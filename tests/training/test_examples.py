"""What kind of data a training takes, and that nothing which was named is ignored."""

import re

import pytest
import torch
from typer.testing import CliRunner

from dipole import fit
from dipole.cli import app
from dipole.data import Labeled, Pairs, Ranked, Scored, Triplets
from dipole.errors import InputError
from dipole.training.build import build_objective, load_validation
from dipole.training.config import make_config
from dipole.training.examples import (
    check_columns,
    check_examples,
    load_examples,
    objectives_taking,
    unused,
)
from dipole.training.towers import inputs_of

GRADED = "sentence1,sentence2,score\n" + "".join(f"a {i},b {i},{i / 10}\n" for i in range(30))
LABELLED = "text,label\n" + "".join(f"some text {i},{i % 3}\n" for i in range(30))
INTENTS = "text,intent\n" + "".join(f"some text {i},kind {i % 3}\n" for i in range(40))
PAIRS = "question,answer\n" + "".join(f"a {i},b {i}\n" for i in range(30))
TRIPLETS = "anchor,positive,negative\na,b,c\nd,e,f\n"


@pytest.fixture
def load(tmp_path):
    """Examples of a table for an objective, as `dipole train` loads them."""

    def load(text, objective="infonce", /, **settings):
        path = tmp_path / ("rows.jsonl" if text.startswith("{") else "rows.csv")
        path.write_text(text)
        config = make_config(data=str(path), objective=objective, **settings)
        inputs = inputs_of(build_objective(config))
        examples = load_examples(config, str(path), "train", inputs)
        check_examples(config, inputs, examples)
        return examples

    return load


@pytest.mark.parametrize(
    ("text", "objective", "settings", "kind"),
    [
        (GRADED, "cosent", {}, Scored),
        (GRADED, "dse", {}, Scored),
        (GRADED, "infonce + cosent", {}, Scored),
        (GRADED, "cosent", {"anchor": "sentence2", "positive": "sentence1"}, Scored),
        (GRADED, "infonce", {"anchor": "sentence1", "positive": "sentence2"}, Pairs),
        (LABELLED, "supcon", {}, Labeled),
        (INTENTS, "supcon", {}, Labeled),
        (LABELLED, "infonce", {"view": ["same"]}, Labeled),
        (PAIRS, "infonce", {}, Pairs),
        (TRIPLETS, "infonce", {}, Triplets),
        ('{"query": "q", "pos": ["a"], "neg": ["b"]}\n', "listnet", {}, Ranked),
        (
            '{"q": "q", "texts": ["a", "b"], "worth": [1, 0]}\n',
            "listnet",
            {"anchor": "q", "positive": "texts", "score": "worth"},
            Ranked,
        ),
    ],
)
def test_data_are_loaded_as_the_objective_takes_them(load, text, objective, settings, kind):
    assert type(load(text, objective, **settings)) is kind


@pytest.mark.parametrize(
    ("text", "objective", "message"),
    [
        (GRADED, "infonce", r"found scores of pairs in 'score'.*infonce takes no scores.*cosent"),
        (LABELLED, "infonce", r"with classes in 'label'.*infonce takes no classes.*supcon.*--view"),
        (INTENTS, "infonce", "with classes in 'intent'.*supcon"),
        ("prompt,chosen,rejected\na,b,c\n", "infonce", "found preferences"),
        ("prompt,chosen,rejected\na,b,c\n", "cosent", "found no column of numbers.*--score"),
        (PAIRS, "cosent", r"found no column of numbers among question, answer.*--score"),
        (PAIRS, "margin-mse", "no column 'query'; columns found: question, answer; exp"),
        ("a,b,c,score\nx,y,z,1\n", "cosent", r"text columns \(a, b, c\).*--anchor, --positive\)"),
    ],
)
def test_data_that_the_objective_does_not_take(load, text, objective, message):
    with pytest.raises(InputError, match=message) as error:
        load(text, objective)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("objective", "settings", "message"),
    [
        ("infonce", {"score": "s"}, "score: infonce takes no scores; expected .*cosent"),
        ("ntxent", {"negative": ["n"]}, "negative: ntxent takes no hard negatives; .*infonce"),
        ("infonce", {"label": "c"}, "label: infonce takes no classes; expected .*supcon"),
        ("listnet", {"negative": ["n"]}, "negative: listnet takes lists"),
        ("supcon", {"label": "c", "positive": "p"}, "positive: found beside --label"),
        ("supcon", {"label": "c", "score": "s"}, "score: found beside --label"),
        ("supcon", {"label": "c", "negative": ["n"]}, "negative: found beside --label"),
        ("cosent", {"score": "s", "negative": ["n"]}, "negative: found beside --score"),
        ("cosent", {"score": "s", "view": ["same"]}, "score: found beside --view"),
        ("infonce", {"negative": ["n"], "view": ["same"]}, "negative: found beside --view"),
    ],
)
def test_no_column_that_was_named_is_ignored(objective, settings, message):
    config = make_config(data="x", objective=objective, **settings)
    with pytest.raises(InputError, match=message):
        check_columns(config, inputs_of(build_objective(config)))


@pytest.mark.parametrize(
    ("objective", "settings"),
    [
        ("infonce", {"negative": ["n"]}),
        ("infonce + supcon", {"label": "c"}),
        ("infonce", {"label": "c", "sampler": "classes", "view": ["same"]}),
        ("cosent", {"score": "s", "anchor": "a", "positive": "p"}),
    ],
)
def test_columns_that_are_used_are_taken(objective, settings):
    config = make_config(data="x", objective=objective, **settings)
    check_columns(config, inputs_of(build_objective(config)))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("cosent", r"found Pairs \(python values\); cosent needs scores; .*--score"),
        ("bidirectional-margin", "needs classes; .*--label"),
        ("listnet", "needs the relevance of candidates"),
        ("margin-mse", "needs a teacher's scores; expected --part teacher"),
        ("sct", "needs a teacher's vectors; expected --part teacher"),
    ],
)
def test_what_the_examples_lack_is_said_before_training(objective, message):
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    config = make_config(data="x", objective=objective)
    with pytest.raises(InputError, match=message):
        check_examples(config, inputs_of(build_objective(config)), pairs)


def test_examples_of_python_keep_their_scores_and_have_no_columns(tmp_path):
    columns = {"first": ["a", "b"], "second": ["c", "d"], "score": [0.0, 1.0]}
    scored = Scored.from_columns(columns)
    with pytest.raises(InputError, match="infonce takes no scores, and not every pair belongs"):
        fit(scored, out=tmp_path / "run", show_progress=False)
    pairs = Pairs.from_columns({"anchor": ["a", "b"], "positive": ["c", "d"]})
    with pytest.raises(InputError, match="anchor: found 'q' for examples, which are read already"):
        fit(pairs, out=tmp_path / "run", anchor="q", show_progress=False)
    with pytest.raises(InputError, match="split: found 'test' for examples, which are read alre"):
        fit(pairs, out=tmp_path / "run", sources=[{pairs: {"split": "test"}}], show_progress=False)
    assert not (tmp_path / "run").exists()


def test_negatives_of_the_data_that_no_one_takes_are_said(load):
    triplets = load(TRIPLETS, "ntxent")
    inputs = inputs_of(build_objective(make_config(data="x", objective="ntxent")))
    assert "takes no hard negatives" in unused(inputs, triplets)
    taken = inputs_of(build_objective(make_config(data="x", objective="infonce")))
    assert unused(taken, triplets) == ""


def test_validation_is_of_the_same_kind(load, tmp_path):
    examples = load(GRADED, "cosent")
    other = tmp_path / "dev.csv"
    other.write_text(GRADED)
    config = make_config(data="x", objective="cosent", validation=str(other))
    _, held = load_validation(config, examples, inputs_of(build_objective(config)))
    assert type(held) is Scored


def test_objectives_that_take_an_input_by_name():
    assert {"cosent", "pearson"} <= set(objectives_taking("scores").split(", "))
    assert "infonce" not in objectives_taking("scores").split(", ")
    assert "supcon" in objectives_taking("labels")


def test_graded_pairs_are_trained_by_their_scores_from_the_command_line(tmp_path):
    """The two columns alone say nothing: only with the scores do like pairs come near."""
    path, out = tmp_path / "graded.csv", tmp_path / "run"
    lines = [f"left{i} x,right{i} y,{i % 2}" for i in range(16)]
    path.write_text("sentence1,sentence2,score\n" + "\n".join(lines) + "\n")
    command = [
        "train", "--data", path, "--objective", "cosent", "--out", out, "--max-steps", 60,
        "--batch-size", 16, "--learning-rate", 0.05, "--encoder-option", "dim=16",
        "--encoder-option", "dropout=0",
    ]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)
    assert result.exit_code == 0
    said = re.sub(r"\s+", " ", result.stderr)
    assert "first 'sentence1', second 'sentence2', score 'score'" in said
    from dipole.encoders import load_encoder

    encoder = load_encoder(out)
    one, two = (
        torch.tensor(encoder.encode([f"{side}{i} {end}" for i in range(16)]))
        for side, end in (("left", "x"), ("right", "y"))
    )
    cosines = torch.cosine_similarity(one, two)
    assert cosines[1::2].mean() > cosines[::2].mean() + 0.2


def images(data, objective="supcon", /, split="train", **settings):
    config = make_config(data=str(data), objective=objective, **settings)
    return load_examples(config, str(data), split, inputs_of(build_objective(config)))


def test_a_folder_of_images_trains_by_its_splits_classes_and_sizes(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    for split, size in (("train", 4), ("val", 6)):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("L", (size, size)).save(tmp_path / split / name / "1.png")
    found = images(tmp_path)
    assert type(found) is Labeled
    assert found.column("label") == ["cat", "dog"]
    assert images(tmp_path, label="label").ids == found.ids
    assert images(tmp_path, split="validation", resize="2x3")[0]["input"].shape == (2, 3)
    with pytest.raises(InputError, match="--resize"):
        images(tmp_path, split="all", view=["simclr"])
    with pytest.raises(InputError, match="found label='kind' for data whose columns are known"):
        images(tmp_path, label="kind")
    config = make_config(data=str(tmp_path / "train"), objective="supcon", validation="val")
    with pytest.raises(InputError, match="is a folder, which has no splits"):
        load_validation(config, found)


def test_the_seed_of_a_split_reaches_labelled_data():
    pytest.importorskip("sklearn")
    assert images("digits", split_seed=3).ids != images("digits").ids
    with pytest.raises(InputError, match="found resize=8 for a data set of texts"):
        images("stdlib-code", "infonce", resize=8)
