"""The commands and the example of docs/sparse.md run in their order."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from dipole.cli import main
from support.tiny_bert import save_tiny_bert

PAGE = Path(__file__).parents[2] / "docs" / "sparse.md"
WORDS = ["file", "list", "number", "string", "socket", "second", "value", "name", "space", "path"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(f"how do I get a {w}", f"I get a {w} here.") for w in WORDS]
    save_tiny_bert(tmp_path / "tiny", [text for row in rows for text in row], masked=True)
    Path("faq.csv").write_text("question,answer\n" + "".join(f"{q},{a}\n" for q, a in rows))

    def dipole(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, (arguments, capsys.readouterr().err)

    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        if not (words := shlex.split(line, comments=True)):
            continue
        arguments = [re.sub("distilbert/.*", "tiny", word) for word in words[1:]]
        dipole(*arguments, *(["--max-steps", "1"] if words[1] == "train" else []))
    capsys.readouterr()
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(block, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"  # (.*)$", block, re.MULTILINE)
