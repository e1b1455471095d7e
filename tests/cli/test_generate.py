"""`dipole generate`: a file of answers as `generate` gives them, and one line for what is wrong."""

import json
import sys

import pytest

from dipole.cli import main
from dipole.language.causal import CausalLM
from dipole.language.decoding import generate
from support.tiny_llama import save_tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_llama(tmp_path_factory.mktemp("llama") / "tiny")


@pytest.fixture
def dipole(folder, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    rows = [{"id": "q1", "prompt": "Hello", "contrast": "Hullo"}, {"id": "q2", "prompt": "x"}]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dipole", "generate", str(folder), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_a_file_of_answers(dipole, folder, tmp_path):
    code, out, err = dipole(
        "--prompts", "prompts.jsonl", "--method", "contrastive-search", "--option", "k=4,alpha=0.7",
        "--max-new-tokens", "6", "--out", "answers.jsonl",
    )  # fmt: skip
    assert (code, out) == (0, "wrote 2 answers to answers.jsonl\n")
    assert "2 prompts from prompts.jsonl: prompt 'prompt', contrast 'contrast'" in err
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    wanted = generate(CausalLM.load(folder), ["Hello", "x"], "contrastive-search", k=4, alpha=0.7,
                      max_new_tokens=6)  # fmt: skip
    assert [row["text"] for row in rows] == [one.text for one in wanted]
    assert [row["id"] for row in rows] == ["q1", "q2"]
    assert rows[0].keys() == {"id", "prompt", "sample", "text", "tokens", "finish"}


def test_prompts_on_the_command_line_are_printed(dipole):
    code, out, _ = dipole(
        "--prompt", "a", "--prompt", "b", "--method", "acd", "--max-new-tokens", "3",
        "--option", "safe='Be good, as x=1 is. ',adversarial=Be bad", "--option", "alpha=0.2",
    )  # fmt: skip
    assert code == 0
    assert out.count("\n") >= 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--prompt, --prompts: found neither; expected one of them"),
        (["--prompt", "x", "--prompts", "prompts.jsonl"], "found both; expected one of them"),
        (["--prompt", "x", "--method", "gready"], "--method: found 'gready'; did you mean"),
        (["--prompt", "x", "--option", "k"], "--option: 'k'; expected KEY=VALUE"),
        (["--prompt", "x", "--out", "x.csv"], "--out x.csv: expected a name that ends in .jsonl"),
        (["--prompt", "x", "--samples", "2"], "--samples: found 2, and the method draws nothing"),
        (["--prompt", "x" * 99], "prompt 0: found 99 tokens, and"),
        (["--prompts", "prompts.jsonl", "--method", "cid"], "prompt q2: found no contrast"),
        (["--prompts", "prompts.jsonl", "--column", "y"], "no column 'y' (--column)"),
        (["--prompt", "x", "--precision", "half"], "--precision: found half; expected float32"),
    ],
)
def test_what_is_wrong_is_one_line(dipole, arguments, said):
    code, out, err = dipole(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ") or "prompts from" in err
    assert err.splitlines()[-1].startswith("error: ")
