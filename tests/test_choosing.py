"""The commands of docs/choosing.md train, two steps each, on data that look as the page says."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from support.tiny_llama import save_tiny_llama

PAGE = Path(__file__).parents[1] / "docs" / "choosing.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if line.strip()
]


def table(path: Path, **columns: list[Any]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page speaks of."""
    import numpy as np

    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("kornia")
    root = tmp_path_factory.mktemp("choosing")
    names = [a + b for a in "abcdefgh" for b in "klmn"]
    ask, answer = [f"is {n} in the box" for n in names], [f"{n} in the box is red" for n in names]
    table(root / "faq.csv", question=ask, answer=answer)
    table(root / "triplets.csv", question=ask, answer=answer, wrong=[f"no {n}" for n in names])
    scores = [i % 5 for i in range(32)]
    table(root / "graded.csv", first=ask, second=answer, score=scores)
    table(root / "labelled.csv", text=ask, **{"class": ["even", "odd"] * 16})
    table(root / "numbered.csv", text=ask, age=[i / 2 for i in range(32)])
    table(
        root / "texts.csv", text=[f"{one}, as {two}" for one, two in zip(ask, answer, strict=True)]
    )
    lines = (
        {"query": ask[i], "candidates": [answer[i], answer[i - 1]], "relevance": [1, 0]}
        for i in range(32)
    )
    (root / "lists.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    lines = ({"prompt": q, "chosen": a, "rejected": "no"} for q, a in zip(ask, answer, strict=True))
    (root / "preferences.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    save_tiny_llama(root / "tiny-lm")
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
    for i, (name, one) in enumerate(zip(names, pixels, strict=True)):
        for place in ("photos", f"labelled-photos/{'cat' if i % 2 else 'dog'}"):
            (root / place).mkdir(parents=True, exist_ok=True)
            image.fromarray(one).save(root / place / f"{name}.png")
    paths = [f"photos/{name}.png" for name in names]
    table(root / "captions.csv", image=paths, caption=answer)
    table(root / "bundles.csv", image=paths, caption=answer, title=ask)
    return root


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.partition("--out runs/")[2])
def test_a_command_trains(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(command)
    assert program == "dipole"
    if arguments[0] == "advise":
        assert CliRunner().invoke(app, arguments).exit_code == 0
        return
    small = ["--max-steps", "2"] + ([] if "--batch-size" in arguments else ["--batch-size", "8"])
    result = CliRunner().invoke(app, [*arguments, *small])
    assert result.exit_code == 0, f"{result.output} {result.exception!r}"


def test_the_table_is_that_of_the_code() -> None:
    from dipole.training.advice.choices import CHOICES
    from dipole.training.kinds import KINDS

    assert {*CHOICES} == {*KINDS} - {"preferences"}  # which are for language models
    rows = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| [")]
    by_kind = {cells[1].strip(): cells for cells in rows}
    pretrained, before = ["static"], list[str]()
    for kind, choice in CHOICES.items():
        place, _, objective, sampler, encoder = by_kind[kind]
        section = choice.section.lower().replace(" ", "-")
        assert f"(#{section})" in place
        assert f"\n## {choice.section}\n" in TEXT
        named = re.findall(r"`([^`]+)`", objective)
        assert named == [choice.objective, *choice.also], kind
        assert sampler.strip() == f"`{choice.sampler}`"
        encoders = re.findall(r"`([^`]+)`", encoder) or before
        assert encoders == list(choice.encoders or pretrained), kind
        before = encoders


def test_the_table_names_kinds_objectives_samplers_and_encoders_that_there_are() -> None:
    from dipole.encoders.names import NEW
    from dipole.objectives.contract.registry import OBJECTIVES
    from dipole.training.kinds import KINDS
    from dipole.training.samplers import SAMPLERS

    rows = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| [")]
    assert len(rows) == 14
    assert {cells[1].strip() for cells in rows} == {*KINDS, "any of these", "each its own"}
    for column, known in ((2, OBJECTIVES), (3, {*SAMPLERS, "unique"}), (4, NEW)):
        named = {name for cells in rows for name in re.findall(r"`([^`]+)`", cells[column])}
        assert named <= {*known}
