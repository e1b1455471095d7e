"""The examples of docs/export.md run and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "export.md"

# What torch's exporter warns of is not ours.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


def test_the_examples_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    printed = iter(capsys.readouterr().out.splitlines())
    for said in re.findall(r"^print\(.*  # (.*)$", "\n".join(blocks), re.M):
        assert next(printed) == said or "how many" in said
