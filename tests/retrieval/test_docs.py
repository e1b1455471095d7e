"""The examples of docs/search.md run and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "search.md"


@pytest.fixture
def _words_can_be_loaded() -> None:
    """Here models are loaded as they are for everybody."""


def test_the_examples_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1 1 0\.\d+ how to tie .* {'file': 'knots.txt', 'line': 3}", printed[0])
    assert printed[2:] == [
        "1 3",
        "4",
        "{'q': {'a': 0.75, 'b': 0.25, 'c': 0.041666666666666664}}",
        "{'q': {'b': 0.03252247488101534, 'a': 0.01639344262295082, 'c': 0.016129032258064516}}",
    ]
