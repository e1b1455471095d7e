"""A part of the user's own, in one file: as the page has it, through the command line, resumed."""

import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

import dipole
from dipole.cli import app
from dipole.encoders import load_encoder
from dipole.errors import InputError
from dipole.training.parts import Part, Queue

PAGE = Path(__file__).parents[3] / "docs" / "extending-training.md"
COUNTER = """

class Counter(Part):
    takes = ("anchor",)
    gives = ("anchor",)

    def __post_init__(self):
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def before(self, batch):
        return batch | {"anchor": batch["anchor"] * (1 + self.count % 3)}

    def after_step(self):
        self.count += 1
"""


@pytest.fixture
def table(monkeypatch):
    """pairs.csv and my_parts.py in the working directory; what is imported is forgotten."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield _write()
    for name in set(sys.modules) - before:
        if name.startswith("my_parts"):
            del sys.modules[name]


def _write():
    (block,) = re.findall(r"```python\n(# my_parts.py\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    Path("my_parts.py").write_text(f"import torch\n{block}{COUNTER}", encoding="utf-8")
    rows = "".join(f"how is {w}{v},{w}{v} is well\n" for w in "abcdef" for v in "ghij")
    Path("pairs.csv").write_text("question,answer\n" + rows, encoding="utf-8")


def train(out, *arguments):
    fixed = ["--batch-size", "8", "--encoder-option", "dim=8", "--out", out, "--seed", "1"]
    CliRunner().invoke(app, ["train", *fixed, *map(str, arguments)], catch_exceptions=False)
    return load_encoder(out)


def test_the_part_of_the_page_trains_saves_and_resumes(table):
    data = ["--data", "pairs.csv"]
    part = ["--part", "my_parts.py:Doubler:factor=3", "--objective", "vicreg"]
    first = train("first", *data, *part, "--max-steps", 2)
    config = yaml.safe_load(Path("first/config.yaml").read_text("utf-8"))
    assert config["parts"] == [{"my_parts.py:Doubler": {"factor": 3}}]
    other = train("other", *data, *part[2:], "--max-steps", 2)
    assert not torch.equal(first.vectors, other.vectors)
    assert first.encode(["how is ag"]).shape == (1, 8)
    longer = train("first", "--resume", "--max-steps", 4)
    assert not torch.equal(first.vectors, longer.vectors)


def test_what_a_part_of_ones_own_remembers_is_resumed(table):
    part = ["--data", "pairs.csv", "--objective", "vicreg", "--schedule", "constant"]
    part += ["--warmup", 1, "--part", "my_parts.py:Counter"]
    whole = train("whole", *part, "--max-steps", 5)
    train("halves", *part, "--max-steps", 2)
    halves = train("halves", "--resume", "--max-steps", 5)
    assert torch.equal(whole.vectors, halves.vectors)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("my_parts.py:Doubler:factor=0", "part my_parts.py:Doubler: factor: found 0, expected a n"),
        ("my_parts.py:Doubler:facto=1", "found setting 'facto'; did you mean 'factor'?"),
        ("my_parts.py:Dubler", "my_parts.py has no Dubler; did you mean 'Doubler'?"),
    ],
)
def test_wrong_ones_are_one_line(table, part, message):
    with pytest.raises(InputError, match=re.escape(message)):
        train("run", "--data", "pairs.csv", "--part", part)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--queue", 160, "--teacher", "ema"], "--part queue:size=160 --part teacher, in a recipe"),
        (["--mixed", "mixes=3", "--mixed", "hardest=2"], "--part mixed:mixes=3,hardest=2, in a re"),
        (["--teacher-decay", 0.5], "-decay: now said by parts; expected no --part, in a"),
    ],
)
def test_options_of_before_are_said_in_the_new_way(table, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        train("run", "--data", "pairs.csv", *options)


class Spy(Part):
    takes = ("anchor",)


def test_an_object_of_python_is_given_again(table):
    settings = {"encoder_options": {"dim": 8}, "batch_size": 8, "show_progress": False}
    queue, spy = Queue(size=8), Spy()
    dipole.fit("pairs.csv", out="run", parts=[queue, spy], max_steps=2, **settings)
    assert queue.vectors.numel() == 0  # a copy was trained with
    with pytest.raises(InputError, match=r"parts: the run was given Queue\(size=8, holds='posi"):
        dipole.fit(out="run", resume=True, max_steps=4)
    with pytest.raises(InputError, match=r"parts: .*size=9.*, but the run in run has .*size=8"):
        dipole.fit(out="run", resume=True, max_steps=4, parts=[Queue(size=9), Spy()])
    run = dipole.fit(out="run", resume=True, max_steps=4, parts=[Queue(size=8), Spy()])
    assert run.result["step"] == 4


def test_stages_have_parts_of_their_own(table):
    stages = [{"max_steps": 2}, {"parts": ["queue:size=4"], "max_steps": 2}]
    settings = {"encoder_options": {"dim": 8}, "batch_size": 8, "show_progress": False}
    run = dipole.fit("pairs.csv", out="run", parts=[Spy()], stages=stages, **settings)
    first, second = (
        yaml.safe_load((run.folder / "stages" / n / "config.yaml").read_text("utf-8"))["parts"]
        for n in "12"
    )
    assert first == ["python: Spy()"]
    assert second == [{"queue": {"size": 4, "holds": "positive", "starts": "empty", "after": 0.0}}]
