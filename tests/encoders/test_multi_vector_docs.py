"""The commands and the example of docs/multi-vector.md run in their order."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from dipole.cli import main
from dipole.encoders import CrossText
from support.tiny_bert import save_tiny_bert

PAGE = Path(__file__).parents[2] / "docs" / "multi-vector.md"
WORDS = ["file", "list", "number", "string", "socket", "second", "value", "name", "space", "path"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(f"how do I get a {w}", f"I get a {w} here.") for w in WORDS]
    save_tiny_bert(tmp_path / "tiny", [text for row in rows for text in row])
    Path("faq.csv").write_text("question,answer\n" + "".join(f"{q},{a}\n" for q, a in rows))
    with Path("lists.jsonl").open("w") as file:
        for number, (query, answer) in enumerate(rows):
            line = {"query": query, "candidates": [answer, rows[number - 1][1]]}
            file.write(json.dumps(line | {"relevance": [1, 0]}) + "\n")

    def dipole(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["dipole", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, (arguments, capsys.readouterr().err)

    static = ("--encoder-option", "dim=8", "--max-steps", "1")
    dipole("train", "--data", "faq.csv", "--out", "runs/first", *static)
    dipole("index", "runs/first", "--corpus", "faq.csv", "--out", "first.index")
    CrossText.from_inputs(model="tiny").save("runs/judge")
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        if not (words := shlex.split(line, comments=True)):
            continue
        _, *arguments = words
        arguments = [re.sub("distilbert/.*", "tiny", word) for word in arguments]
        if arguments[0] == "train":
            arguments += ["--max-steps", "1"]
        dipole(*arguments)
    capsys.readouterr()
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(block, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"  # (.*)$", block, re.MULTILINE)
