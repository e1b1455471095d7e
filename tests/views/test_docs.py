"""The examples of docs/views.md and docs/images.md run and print what the pages say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

pytest.importorskip("kornia")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


@pytest.mark.parametrize(("page", "count"), [("views.md", 8), ("images.md", 2)])
def test_the_examples_of_a_page_run_one_after_the_other(
    page: str,
    count: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert len(blocks) == count
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    promised = [
        said.split(":")[0] if said.startswith(("torch", "3")) else said
        for block in blocks
        for said in re.findall(r"# ((?:\(|torch|True|\d).*)", block)
    ]
    assert [line for line in promised if line not in printed] == []
    assert len(promised) >= 5
