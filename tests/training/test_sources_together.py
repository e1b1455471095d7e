"""Sources with whatever a training can have: steps, groups found anew, mining, views, tables."""

import copy
import json

import pandas as pd
import pytest
import torch
import yaml
from torch import nn

import dipole
from dipole.data import Labeled, Scored
from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.training.config import make_config
from dipole.training.loop import Trainer
from dipole.training.sources import sources_of
from dipole.training.stages import _with_models, stages_of
from dipole.training.steps import Step
from dipole.training.tasks import load_tasks
from support.killing import killed_at
from support.tiny import word_pairs

GIVEN = {"batch_size": 8, "show_progress": False}
WORDS = [f"{a}{b}{c}" for a in "abcde" for b in "fghi" for c in "klmn"]


class Sized(Step):
    """The objective, and a layer of its own."""

    weight: float = 0.5

    def bind(self, setup):
        self.layer = nn.Linear(setup.encoder.dim, 3)

    def forward(self, batch):
        vectors = batch.vectors()
        return {
            "learnt": self.objective(**self.objective.pick(vectors)),
            "size": self.weight * self.layer(vectors["anchor"]).square().mean(),
        }


def graded(count=24):
    others = [f"{word}q" for word in [*WORDS[7:count], *WORDS[:7]]]
    scores = [i % 5 / 4 for i in range(count)]
    return Scored.from_columns({"first": WORDS[:count], "second": others, "score": scores})


def table(start=0, stop=24):
    """Pairs, of other words than `word_pairs`, as columns with names of their own."""
    words = WORDS[start:stop]
    return {"question": words, "answer": [f"{word[::-1]} it is" for word in words]}


def columns():
    return {"anchor": "question", "positive": "answer"}


# Settings of a training on pairs, and of one source or more.
RUNS = {
    "step": {"step": f"{__file__}:Sized", "sources": [{graded(): {"objective": "cosent"}}]},
    "step of each": {
        "step": f"{__file__}:Sized",
        "sources": [({**table()}, {**columns(), "share": 0.4})],
    },
    "groups found anew": {
        "sampler": "clusters",
        "sampler_options": {"clusters": 4, "every": 1},
        "sources": [
            {graded(): {"objective": "cosent", "sampler": "unique", "sampler_options": {}}},
            (
                table(),
                {**columns(), "share": 0.3, "sampler_options": {"clusters": 3, "every": 2}},
            ),
        ],
    },
    "mined": {
        "mine": {"source": "encoder", "negatives": 2},
        "sources": [{graded(): {"objective": "cosent"}}, (table(), columns())],
    },
    "parts": {
        "parts": ["queue:size=12,name=past", "teacher:decay=0.5"],
        "objective": "infonce(negative=past) + infonce(anchor=positive, positive=teacher_anchor)",
        "sources": [
            ({**table()}, {**columns(), "objective": "infonce", "parts": ["queue:size=9"]}),
            {graded(): {"objective": "cosent", "view": ["anchor=word-deletion"]}},
        ],
    },
}


def fit(encoder, out, settings, **more):
    given = GIVEN | {"epochs": 3, "checkpoint_every": 4} | settings | more
    return dipole.fit(word_pairs(30), copy.deepcopy(encoder), out=out, **given)


@pytest.mark.parametrize("name", RUNS)
def test_killed_and_resumed_it_ends_the_same(tiny_encoder, tmp_path, monkeypatch, name):
    whole = fit(tiny_encoder, tmp_path / "whole", RUNS[name])
    for step in (3, whole.result["step"] // 3, whole.result["step"] - 3):
        out = tmp_path / f"stopped {step}"
        killed_at(monkeypatch, step, fit, tiny_encoder, out, RUNS[name])
        resumed = fit(tiny_encoder, out, RUNS[name], resume=True)
        for key, value in whole.encoder.state_dict().items():
            assert value.equal(resumed.encoder.state_dict()[key]), (step, key)


@pytest.mark.parametrize("name", RUNS)
def test_every_row_comes_and_chunks_change_nothing(tiny_encoder, tmp_path, monkeypatch, name):
    tiny_encoder.dropout.p = 0.0  # a piece draws its own
    rows, step = [], Trainer._step

    def watched(self, batch):
        rows.append((batch.task, batch.row_ids))
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", watched)
    whole = fit(tiny_encoder, tmp_path / "whole", RUNS[name])
    number = 1 + len(RUNS[name]["sources"])
    assert {task for task, _ in rows} == set(range(number))
    pieces = fit(tiny_encoder, tmp_path / "pieces", RUNS[name], chunk=3)
    for key, value in whole.encoder.state_dict().items():
        torch.testing.assert_close(pieces.encoder.state_dict()[key], value, rtol=1e-4, atol=2e-5)


def test_a_step_is_of_the_sources_that_name_no_objective(tmp_path):
    config = make_config(data="python: x", **RUNS["step"])
    first, other = load_tasks(config, word_pairs(30))
    assert isinstance(first.objective, Sized)
    assert type(other.objective).__name__ == "CoSENT"
    config = make_config(
        data="python: x", step=Sized(weight=2.0), sources=[{graded(): {"share": 0.5}}]
    )
    one, two = load_tasks(config, graded(20), InfoNCE())
    assert one.objective is not two.objective
    assert one.objective.objective is not two.objective.objective
    assert two.objective.weight == 2.0


def test_a_step_that_no_kind_of_data_has_is_refused(tmp_path):
    config = make_config(
        data="python: x", step=f"{__file__}:Sized", by_kind={"pairs": "dcl", "graded": "cosent"}
    )
    with pytest.raises(InputError, match=r"step: found .* objectives by kind of data have their"):
        load_tasks(config, word_pairs(30))


def test_a_step_that_a_source_cannot_have_is_one_line(tmp_path):
    step = f"{__file__}:Sized"
    with pytest.raises(InputError, match=r"source Scored.*takes no scores"):
        fit(None, tmp_path / "run", {"step": step, "sources": [graded()], "max_steps": 2})


def test_losses_of_a_step_are_named_by_their_task(tiny_encoder, tmp_path):
    fit(tiny_encoder, tmp_path / "run", RUNS["step of each"], max_steps=8, log_every=1)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    found = {name for line in lines for name in json.loads(line)}
    assert "loss/dict (2 columns)/size" in found


def test_only_tasks_with_a_use_for_it_are_mined(tiny_encoder, tmp_path):
    run = fit(tiny_encoder, tmp_path / "run", RUNS["mined"], max_steps=3)
    assert {path.name for path in run.folder.glob("mined*.jsonl")} == {
        "mined.jsonl", "mined-3.jsonl",
    }  # fmt: skip
    row = json.loads((run.folder / "mined-3.jsonl").read_text().splitlines()[0])
    assert row["query"] in WORDS


def test_mining_that_no_task_has_a_use_for_is_refused(tiny_encoder, tmp_path):
    settings = {"mine": {"source": "bm25"}, "objective": "cosent", "sources": [graded(12)]}
    with pytest.raises(InputError, match="mine: cosent takes no hard negatives"):
        dipole.fit(graded(), copy.deepcopy(tiny_encoder), out=tmp_path / "run", **GIVEN, **settings)
    assert not list((tmp_path / "run").glob("*"))


def test_a_source_knows_its_own_classes(tmp_path):
    labelled = Labeled.from_columns(
        {"input": WORDS[:30], "label": [w[0] + w[1] for w in WORDS[:30]]}
    )
    own = {"objective": "logit-adjusted", "parts": ["classes"]}
    run = dipole.fit(
        word_pairs(30), out=tmp_path / "run", sources=[{labelled: own}], max_steps=6,
        encoder_options={"dim": 8, "buckets": 64}, **GIVEN,
    )  # fmt: skip
    assert run.result["step"] == 6


def test_a_side_view_is_of_its_source(tiny_encoder, tmp_path, monkeypatch):
    seen = {}
    step = Trainer._step

    def watched(self, batch):
        seen[batch.task] = [one.column for one in self.readers[batch.task].sides]
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", watched)
    fit(tiny_encoder, tmp_path / "run", RUNS["parts"])
    assert seen == {0: [], 1: [], 2: ["anchor"]}


FORMS = {
    "dict": lambda rows: rows,
    "frame": pd.DataFrame,
    "list of dicts": lambda rows: pd.DataFrame(rows).to_dict("records"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_a_source_as_its_file_is(tiny_encoder, tmp_path, form):
    pd.DataFrame(table()).to_csv(tmp_path / "more.csv", index=False)
    weights = []
    for name, source in (("file", str(tmp_path / "more.csv")), ("table", FORMS[form](table()))):
        settings = {"sources": [(source, {**columns(), "share": 0.5})]}
        run = fit(tiny_encoder, tmp_path / name, settings)
        weights.append(run.encoder.state_dict())
    for key, value in weights[0].items():
        assert value.equal(weights[1][key])
    config = yaml.safe_load((tmp_path / "table" / "config.yaml").read_text())
    assert next(iter(config["sources"][0])).startswith("python: ")


def test_a_table_alone_is_a_source_and_data_may_be_one_too(tiny_encoder, tmp_path):
    pairs = {"anchor": WORDS[:20], "positive": [f"{w} it is" for w in WORDS[:20]]}
    run = dipole.fit(
        pd.DataFrame(pairs), copy.deepcopy(tiny_encoder), out=tmp_path / "run",
        sources=[pd.DataFrame({"anchor": WORDS[20:40], "positive": WORDS[40:60]})],
        validation=0.2, max_steps=3, **GIVEN,
    )  # fmt: skip
    data = json.loads((run.folder / "data.json").read_text())
    assert [part["role"] for part in data["parts"]] == ["training", "training", "validation"]
    assert sum(part["rows"] for part in data["parts"]) == 40


def test_a_function_of_ones_own_is_a_source(tiny_encoder, tmp_path):
    own = tmp_path / "rows.py"
    own.write_text("def rows():\n    return {'a': list('abcdefgh'), 'b': list('ijklmnop')}\n")
    config = make_config(data="x", sources=[f"{own}:rows:anchor=a,positive=b,share=0.5"])
    assert sources_of(config)[1].config.data == f"{own}:rows"
    settings = {"sources": [f"{own}:rows:anchor=a,positive=b,share=0.5"], "max_steps": 3}
    assert fit(tiny_encoder, tmp_path / "run", settings).result["examples"] == 38


def test_an_earlier_stage_is_named_within_a_source(tmp_path):
    config = make_config(
        data="x",
        stages=[{}, {"sources": [{"y.csv": {"sampler_options": {"model": "stage:1"}}}]}],
    )
    second = _with_models(stages_of(config)[0][1], tmp_path)
    assert second.sources == [
        {"y.csv": {"sampler_options": {"model": str(tmp_path / "stages" / "1")}}}
    ]


def test_two_teachers_are_told_apart_when_a_run_goes_on(tiny_encoder, tmp_path, monkeypatch):
    settings = {
        "parts": ["teacher:model=bm25"],
        "objective": "kl-listwise",
        "sources": [(table(), {**columns(), "share": 0.5})],
    }
    out = tmp_path / "run"
    killed_at(monkeypatch, 5, fit, tiny_encoder, out, settings)
    assert len(json.loads((out / "data.json").read_text())["teacher"]) == 2
    fit(tiny_encoder, out, settings, resume=True)
