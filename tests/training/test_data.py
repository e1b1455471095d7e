"""What `fit` may be given as data: tables in memory, arrays, and functions of one's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import dipole
from dipole.cli import app
from dipole.data import load_pairs, load_ranked
from dipole.encoders import StaticText, load_encoder, trusting_code
from dipole.errors import InputError
from dipole.evaluation import evaluate_knn, evaluate_retrieval

TOWER = '''
import numpy as np
import torch
from torch import nn
from dipole import Recipe
from dipole.encoders import Encoder
from dipole.evaluation import Task, evaluate_sts

class MLP(Encoder):
    """Vectors of one length -> unit vectors; sound of any length by its mean."""

    def __init__(self, size: int, dim: int = 8):
        super().__init__()
        self.size, self.dim = size, dim
        self.layers = nn.Sequential(nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, dim))

    @classmethod
    def from_inputs(cls, queries, documents, *, dim: int = 8):
        return cls(queries[0].shape[-1], dim)

    def prepare(self, inputs, role="document"):
        rows = [x if x.ndim == 1 else x.mean(0) for x in inputs]
        return {"x": torch.from_numpy(np.stack(rows)).float()}

    def forward(self, features):
        return nn.functional.normalize(self.layers(features["x"]), dim=-1)

def rows(split="train", quick=False):
    start = 0 if split == "train" else 100
    return [(f"where is number {n}", f"number {n} is here") for n in range(start, start + 24)]

def graded():
    return [("a b", "a b c", 1.0), ("a b", "d", 0.0), ("d e", "d", 0.8)]

def close(ranked, judged):
    return float(any(judged.get(d, 0) > 0 for d in sorted(ranked, key=ranked.get)[-3:]))

def shifted(encoder, data, **settings):
    return evaluate_sts(encoder, data, **settings)

def sizes(model):
    return {"rows": float(len(model.test))}

FAST = Recipe(objective="dcl", temperature=0.1, epochs=1.0)
SHIFTED = Task("sts again", "scored", shifted)
'''
MLP = "my_tower.py:MLP"
RNG = np.random.default_rng(0)
ANCHORS = RNG.normal(size=(48, 6)).astype(np.float32)
POSITIVES = (ANCHORS + 0.1 * RNG.normal(size=(48, 6))).astype(np.float32)
QUIET: dict[str, Any] = {"show_progress": False, "epochs": 2, "batch_size": 12}


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("dipole.lookup._given", {})
    Path("my_tower.py").write_text(TOWER)
    yield tmp_path
    forget()


def forget() -> None:
    """As in another process, where nobody has run the file."""
    sys.modules.pop("my_tower", None)


def weights(run: Any) -> list[torch.Tensor]:
    return list(run.encoder.weights().values())


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def texts(count: int = 24) -> pd.DataFrame:
    return pd.DataFrame(
        {"question": [f"where is number {n}" for n in range(count)],
         "answer": [f"number {n} is here" for n in range(count)]}
    )  # fmt: skip


def test_a_table_trains_as_its_file_does() -> None:
    frame = texts()
    frame.to_csv("rows.csv", index=False)
    of_file = dipole.fit("rows.csv", out="file", **QUIET)
    for name, table in (
        ("frame", frame),
        ("dicts", frame.to_dict("records")),
        ("columns", frame.to_dict("list")),
        ("datasets", datasets.DatasetDict(train=datasets.Dataset.from_pandas(frame))),
    ):
        assert same(dipole.fit(table, out=name, **QUIET), of_file)
    named = dipole.fit(frame, out="named", anchor="answer", positive="question", **QUIET)
    assert not same(named, of_file)
    assert "anchor: answer" in Path("named/config.yaml").read_text()
    said = json.loads(Path("frame/data.json").read_text())["parts"][0]
    assert said["name"] == "DataFrame (2 columns)"
    assert said["columns"] == {"anchor": "question", "positive": "answer"}


def test_a_run_goes_on_with_the_same_table_alone() -> None:
    frame = texts()
    dipole.fit(frame, out="run", validation=texts(8), **QUIET)
    longer = QUIET | {"epochs": 3}
    with pytest.raises(InputError, match=r"the run was given DataFrame .*: fit\(data=...\)"):
        dipole.fit(out="run", resume=True, **longer)
    other = frame.assign(answer=frame["answer"].where(frame.index != 3, "elsewhere"))
    with pytest.raises(InputError, match=r"^DataFrame \(2 columns\): changed since this run"):
        dipole.fit(other, out="run", validation=texts(8), resume=True, **longer)
    with pytest.raises(InputError, match=r"^validation \(DataFrame .2 columns.\): changed since"):
        dipole.fit(frame, out="run", validation=texts(9), resume=True, **longer)
    run = dipole.fit(frame, out="run", validation=texts(8), resume=True, **longer)
    assert run.result["step"] == 6


def test_validation_of_a_table() -> None:
    parts = {name: datasets.Dataset.from_pandas(texts()) for name in ("train", "dev")}
    run = dipole.fit(datasets.DatasetDict(parts), out="a", validation="dev", **QUIET)
    assert run.result["measure"] == "MRR@10"
    with pytest.raises(InputError, match=r"is a table, which has no splits"):
        dipole.fit(texts(), out="b", validation="dev", **QUIET)
    assert dipole.fit(texts(), out="c", validation=0.3, **QUIET).result["examples"] < 24


def test_an_encoder_of_vectors_trains_saves_loads_and_is_measured() -> None:
    np.savez("pairs.npz", anchor=ANCHORS, positive=POSITIVES)
    run = dipole.fit("pairs.npz", MLP, out="npz", encoder_options={"dim": 5}, **QUIET)
    columns = {"anchor": ANCHORS, "positive": POSITIVES}
    assert same(dipole.fit(columns, MLP, out="memory", encoder_options={"dim": 5}, **QUIET), run)
    forget()
    with pytest.raises(InputError, match="expected --trust-code"):
        load_encoder("npz")
    with trusting_code():
        again = load_encoder("npz")
    np.testing.assert_array_equal(again.encode(ANCHORS), run.encoder.encode(list(ANCHORS)))
    assert evaluate_retrieval(again, columns).value("MRR@10") > 0.8
    kinds = np.arange(48) % 2
    apart = ANCHORS - 5 + 10 * kinds[:, None]
    halves = [{"x": apart[p], "label": kinds[p]} for p in (slice(0, 24), slice(24, 48))]
    assert evaluate_knn(again, *halves, k=5).value("accuracy") == 1


def test_sound_of_any_length_with_negatives_classes_and_lists() -> None:
    sound = [RNG.normal(size=(n % 5 + 1, 6)).astype(np.float32) for n in range(48)]
    triplets = {"anchor": sound, "positive": POSITIVES, "negative": ANCHORS}
    assert dipole.fit(triplets, MLP, out="triplets", **QUIET).result["step"] == 8
    labelled = {"x": sound, "label": [n % 3 for n in range(48)]}
    run = dipole.fit(labelled, MLP, "supcon", out="labels", label="label", anchor="x", **QUIET)
    assert run.result["examples"] == 48
    lists = {"query": ANCHORS, "candidates": np.stack([POSITIVES, ANCHORS[::-1]], 1),
             "relevance": [[1, 0]] * 48}  # fmt: skip
    assert dipole.fit(lists, MLP, "listnet", out="lists", **QUIET).result["step"] == 8


def test_a_tower_that_reads_something_else_is_named() -> None:
    columns = {"anchor": ANCHORS, "positive": POSITIVES}
    with pytest.raises(InputError, match=(
        r"^encoder: StaticText reads texts; found an array of float32 \(6,\), which is read by an "
        r"encoder of your own \(--encoder file.py:Class\)$"
    )):  # fmt: skip
        dipole.fit(columns, out="a", **QUIET)
    images = {"image": np.zeros((4, 8, 8), np.uint8), "label": [0, 1, 0, 1]}
    with pytest.raises(
        InputError, match="is read by conv, resnet, vit, perceptron, an image model "
    ):
        dipole.fit(images, "static", "supcon", out="b", anchor="image", label="label", **QUIET)
    with pytest.raises(InputError, match=r"ConvImage reads images .*found text, .* by static, "):
        dipole.fit(texts(), "conv", out="c", **QUIET)
    with pytest.raises(InputError, match=r"^encoder: StaticText reads texts; found an array of u"):
        StaticText.from_texts(["a b"], ["c"]).encode(images["image"])
    assert not any(Path(name).exists() for name in "abc")


def test_hard_negatives_of_arrays_are_mined_and_trained_on() -> None:
    run = dipole.fit({"anchor": ANCHORS, "positive": POSITIVES}, MLP, out="run", **QUIET)
    np.savez("pairs.npz", anchor=ANCHORS, positive=POSITIVES)
    mine = ["mine", str(run.folder), "--data", "pairs.npz", "--negatives", "2", "--out", "m.jsonl"]
    assert CliRunner().invoke(app, mine, catch_exceptions=False).exit_code == 0
    mined = load_pairs("m.jsonl")
    np.testing.assert_array_equal(mined[3]["positive"], POSITIVES[3])
    assert [value.shape for value in mined[3]["negatives"]] == [(6,), (6,)]
    assert load_ranked("m.jsonl")[3]["candidates"][0].shape == (6,)
    assert dipole.fit("m.jsonl", MLP, out="again", **QUIET).result["examples"] == 48


@pytest.mark.parametrize("data", [3, b"rows", {"a"}, object(), 2.5])
def test_what_is_no_data_is_refused(data: Any) -> None:
    with pytest.raises(InputError, match=r"^data: found (an? )?\w+; expected a path, a name, ex"):
        dipole.fit(data, out="run", **QUIET)


def test_data_and_a_recipe_of_ones_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(*words: str) -> Any:
        return CliRunner().invoke(app, words, catch_exceptions=False)

    train = ["train", "--data", "my_tower.py:rows", "--recipe", "my_tower.py:FAST", "--out", "run",
             "--batch-size", "12", "--validation", "test"]  # fmt: skip
    assert command(*train).exit_code == 0
    settings = Path("run/config.yaml").read_text()
    assert "data: my_tower.py:rows" in settings
    assert "objective: dcl" in settings
    forget()
    longer = ["train", "--out", "run", "--resume", "--epochs", "2"]
    with pytest.raises(InputError, match=r"data is my_tower.py:rows, code that is not"):
        command(*longer)
    assert command(*longer, "--trust-code").exit_code == 0
    measured = command("evaluate", "run", "--data", "my_tower.py:rows", "--measure",
                       "my_tower.py:close", "--json")  # fmt: skip
    system = json.loads(measured.stdout)["systems"]["run"]
    assert system["metrics"]["my_tower.py:close"]["value"] > 0.5
    sts = command("evaluate", "run", "--task", "my_tower.py:SHIFTED", "--data",
                  "my_tower.py:graded", "--json")  # fmt: skip
    assert "Spearman" in sts.stdout
    for words, message in (
        (["train", "--data", "my_tower.py:rows", "--recipe", "my_tower.py:MLP", "--out", "b"],
         "found 'my_tower.py:MLP', a class; expected a Recipe"),
        (["evaluate", "run", "--task", "my_tower.py:FAST", "--data", "my_tower.py:graded"],
         "found 'my_tower.py:FAST', a Recipe; expected a Task"),
        (["evaluate", "run", "--data", "my_tower.py:rows", "--measure", "my_tower.py:far"],
         "my_tower.py has no far"),
        (["train", "--data", "my_tower.py:row", "--out", "b"], "did you mean 'rows'"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            command(*words)


def test_a_function_whose_data_changed_is_refused() -> None:
    dipole.fit("my_tower.py:rows", out="run", **QUIET)
    forget()
    Path("my_tower.py").write_text(TOWER.replace("is here", "is there"))
    with pytest.raises(InputError, match=r"^my_tower.py:rows: changed since this run began"):
        dipole.fit("my_tower.py:rows", out="run", resume=True, **QUIET | {"epochs": 3})


def test_a_study_of_ones_own_data_and_measure() -> None:
    from dipole.studies.data import load_study_data
    from dipole.studies.measures import measure
    from dipole.training.config import make_config

    train, test = load_study_data(make_config(data="my_tower.py:rows"))
    assert (train[0]["anchor"], test[0]["anchor"]) == ("where is number 0", "where is number 100")
    held = load_study_data(make_config(data="my_tower.py:rows"), "0.25")[1]
    assert 0 < len(held) < 12
    assert measure("my_tower.py:sizes").__name__ == "sizes"
    with pytest.raises(InputError, match=r"^measure: found 'my_tower.py:size'; .* 'sizes'"):
        measure("my_tower.py:size")
