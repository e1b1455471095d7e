"""The examples of the pages run, and print what they say."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "training.md"


def test_the_examples_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "pairs.csv").write_text(
        "question,answer\n" + "".join(f"how is {w},{w} is well\n" for w in "abcdefghijkl")
    )
    names = {}
    for block in blocks:
        exec(block, names)
    assert capsys.readouterr().out.endswith("10 MRR@10\n")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("devices.md", ["cpu", "12"]),
        ("notebooks.md", ["five steps are enough 5", "same_words"]),
    ],
)
def test_the_examples_for_the_desk_run(page, said, capsys):
    words = "".join(f"how is {w},{w} is well\n" for w in "abcdefghijkl")
    Path("pairs.csv").write_text(f"question,answer\n{words}")
    text, names = (DOCS / page).read_text("utf-8"), {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
        if block.endswith("\nrun\n"):  # a notebook shows it
            shown = repr(names["run"])
            assert shown.rpartition("  time ")[0] in text
    lines = capsys.readouterr().out.splitlines()
    assert lines[-len(said) :] == said


def test_the_classes_of_the_page_are_what_it_says():
    from torch.optim import Optimizer

    from dipole.training.parts import Part
    from dipole.training.steps import Step

    text = (DOCS / "extending-training.md").read_text("utf-8")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    for name, kind in (("Doubler", Part), ("Contents", Step), ("Signs", Optimizer)):
        assert issubclass(names[name], kind)


def test_the_arithmetic_of_the_page_is_what_it_prints(capsys):
    text = (PAGE.parent / "scaling.md").read_text("utf-8")
    code, printed = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL).groups()
    exec(code, {})
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [line.rstrip() for line in printed.splitlines()]


@pytest.mark.parametrize("page", ["training.md", "parts.md", "extending-training.md"])
def test_every_option_of_the_page_is_one_of_the_command(page):
    from dipole.training.config import Config

    options = set(re.findall(r"--([a-z][a-z-]+)", (DOCS / page).read_text("utf-8")))
    known = {name.replace("_", "-") for name in Config.model_fields}
    known |= {"encoder-option", "objective-option", "sampler-option", "view-option"}
    known |= {"out", "recipe", "resume", "changed-data", "help", "nproc-per-node", "part"}
    known |= {"optimizer-option", "source"}
    assert options - known - {"nproc"} == set()
