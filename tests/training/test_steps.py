"""A step of one's own: what it is given, its losses in the metrics, killed and resumed, refused."""

import copy
import json

import pytest
import torch
from torch import nn

import dipole
from dipole.data import Inputs
from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.training.config import make_config
from dipole.training.steps import Step, make_step
from support.killing import killed_at


class Spelling(Step):
    """Contrast, and the letters of a word guessed from its vector."""

    weight: float = 0.5

    def bind(self, setup):
        self.decoder = nn.Linear(setup.encoder.dim, 128)
        self.seen = []
        self.register_buffer("steps", torch.zeros(()))

    def at(self, done):
        super().at(done)
        self.seen.append(done)

    def forward(self, batch):
        batch_of = batch.vectors()
        letters = torch.cat([piece["counts"] for piece in batch.columns["anchor"]])
        guess = self.decoder(batch_of["anchor"])
        return {
            "contrast": self.objective(**self.objective.pick(batch_of)),
            "spelling": self.weight * (guess - letters).square().mean(),
        }

    def after_step(self):
        self.steps += 1


class Wrong(Step):
    what: str = "list"

    def forward(self, batch):
        vectors = batch.encode(batch.columns["anchor"])
        return {
            "list": [vectors.sum()],
            "none": {},
            "text": {"a": "b"},
            "vector": {"a": vectors.sum(1)},
            "constant": {"a": torch.ones(())},
        }[self.what]


HERE = f"{__file__}:Spelling"


def fit(pairs, encoder, out, step=HERE, **more):
    settings = {"checkpoint_every": 3, "log_every": 1, "show_progress": False} | more
    return dipole.fit(pairs, copy.deepcopy(encoder), out=out, step=step, **settings)


def weights(run):
    return run.encoder.state_dict()


def test_it_is_the_sum_of_its_losses_by_name(pairs, tiny_encoder, tmp_path):
    run = fit(pairs, tiny_encoder, tmp_path / "run", max_steps=4)
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        total = line["loss/contrast"] + line["loss/spelling"]
        assert line["loss"] == pytest.approx(total, rel=1e-5)
    assert lines[-1]["loss/spelling"] < lines[0]["loss/spelling"]


def test_without_a_weight_it_is_the_objective(pairs, tiny_encoder, tmp_path):
    plain = fit(pairs, tiny_encoder, tmp_path / "plain", step=None, max_steps=4, clip_norm=None)
    off = fit(
        pairs, tiny_encoder, tmp_path / "off", step=Spelling(weight=0.0), max_steps=4,
        clip_norm=None,
    )  # fmt: skip
    on = fit(pairs, tiny_encoder, tmp_path / "on", max_steps=4, clip_norm=None)
    for key, value in weights(plain).items():
        torch.testing.assert_close(weights(off)[key], value)
    assert not weights(on)["linear.weight"].equal(weights(off)["linear.weight"])


def test_pieces_change_nothing(pairs, tiny_encoder, tmp_path):
    tiny_encoder.dropout.p = 0.0
    whole = fit(pairs, tiny_encoder, tmp_path / "whole", max_steps=4)
    pieces = fit(pairs, tiny_encoder, tmp_path / "pieces", max_steps=4, chunk=3)
    for key, value in weights(whole).items():
        torch.testing.assert_close(weights(pieces)[key], value)


@pytest.mark.parametrize("step", [HERE, {HERE: {"weight": 0.2}}, Spelling(weight=0.2)])
def test_a_run_stopped_and_resumed_ends_the_same(pairs, tiny_encoder, tmp_path, monkeypatch, step):
    whole = fit(pairs, tiny_encoder, tmp_path / "whole", step)
    out = tmp_path / "stopped"
    killed_at(monkeypatch, 8, fit, pairs, tiny_encoder, out, step)
    resumed = fit(pairs, tiny_encoder, out, step, resume=True)
    for key, value in weights(whole).items():
        assert value.equal(weights(resumed)[key])


def test_it_is_told_where_it_stands_and_followed(pairs, tiny_encoder, tmp_path, monkeypatch):
    from dipole.training.loop import Trainer

    kept, run = [], Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda self: (kept.append(self.towers), run(self))[1])
    fit(pairs, tiny_encoder, tmp_path / "run", max_steps=3)
    step = kept[0].objective
    assert step.seen == [0.0, 0.5, 1.0]
    assert step.steps == 3


def test_the_parts_stand_before_it(pairs, tiny_encoder, tmp_path):
    off = fit(pairs, tiny_encoder, tmp_path / "off", max_steps=4)
    on = fit(pairs, tiny_encoder, tmp_path / "on", max_steps=4, parts=["queue:size=16"])
    assert not weights(on)["linear.weight"].equal(weights(off)["linear.weight"])


def test_what_it_takes_is_asked_of_the_data():
    class Labels(Step):
        takes = ("anchor", "labels")

    assert Labels().over(InfoNCE()).inputs() == {"anchor": True, "labels": True}
    assert Spelling().over(InfoNCE()).inputs() == InfoNCE().inputs()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("list", "step: Wrong gave a list; expected losses by name"),
        ("none", "step: Wrong gave a dict; expected losses by name"),
        ("text", "step: Wrong gave a str as a; expected one number"),
        ("vector", "step: Wrong gave a tensor of shape (8,) as a; expected one number"),
        ("constant", "step: Wrong gave a constant; expected losses that can be learnt"),
    ],
)
def test_what_is_no_loss_is_one_line(pairs, tiny_encoder, tmp_path, what, message):
    with pytest.raises(InputError) as error:
        fit(pairs, tiny_encoder, tmp_path / "run", Wrong(what))
    assert str(error.value) == message
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("none.py:Step", "step: found 'none.py:Step'; no such file"),
        ("torch.nn:Linear", "expected a subclass of dipole.training.steps.Step"),
        (f"{HERE}:wait=1", "found setting 'wait'; did you mean 'weight'"),
        (f"{HERE}:weight=x", "weight: found 'x', expected a number"),
        ("python: Spelling()", "step: the run was given Spelling(); expected the same"),
    ],
)
def test_what_is_no_step_is_one_line(step, message):
    with pytest.raises(InputError) as error:
        make_step(make_config(data="x", step=step))
    assert message in str(error.value)
    with pytest.raises(InputError, match="step: found 5; expected a name"):
        make_config(data="x", step=5)


def test_code_that_a_run_names_has_to_be_trusted(tmp_path, pairs, tiny_encoder):
    """A run's folder may come from anyone."""
    from dipole.training.run.own_code import check_code

    with pytest.raises(InputError, match=r"step is my\.py:Mine, code that is not dipole's"):
        check_code({"step": {"my.py:Mine": {}}}, {}, tmp_path / "config.yaml")
    with pytest.raises(InputError, match=r"optimizer is my\.py:Mine, code that is not dipole's"):
        check_code({"optimizer": "my.py:Mine"}, {}, tmp_path / "config.yaml")


def test_inputs_alone_are_enough(tiny_encoder, tmp_path):
    class Letters(Spelling):
        takes = ("anchor",)

        def forward(self, batch):
            vectors = batch.encode(batch.columns["anchor"])
            letters = torch.cat([piece["counts"] for piece in batch.columns["anchor"]])
            return {"spelling": (self.decoder(vectors) - letters).square().mean()}

    texts = Inputs.from_columns({"input": [f"word {i}" for i in range(20)]})
    run = fit(texts, tiny_encoder, tmp_path / "run", Letters())
    assert not weights(run)["linear.weight"].equal(tiny_encoder.state_dict()["linear.weight"])


def test_the_step_of_the_page_trains_from_the_command_line(tmp_path, monkeypatch):
    import re
    import sys
    from pathlib import Path

    from typer.testing import CliRunner

    from dipole.cli import app

    page = Path(__file__).parents[2] / "docs" / "extending-training.md"
    (block,) = re.findall(r"```python\n(# my_steps.py\n.*?)```", page.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("my_steps.py").write_text(block, encoding="utf-8")
    rows = "".join(f"how is {w},{w} is well\n" for w in "abcdefghijkl")
    Path("pairs.csv").write_text("question,answer\n" + rows, encoding="utf-8")
    (line,) = re.findall(
        r"^dipole (train .*my_steps.py:Contents.*)$", page.read_text("utf-8"), re.M
    )
    more = ["--encoder-option", "dim=8", "--log-every", "1", "--max-steps", "2"]
    done = CliRunner().invoke(app, [*line.split(), *more])
    monkeypatch.delitem(sys.modules, "my_steps")
    assert done.exit_code == 0, done.output + repr(done.exception)
    last = json.loads(Path("runs/contents/metrics.jsonl").read_text().splitlines()[-1])
    assert last["loss"] == pytest.approx(last["loss/contrast"] + last["loss/guess"], rel=1e-5)
