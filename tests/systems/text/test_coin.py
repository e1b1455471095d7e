"""CoIN: the last state of a text, its data, and that only answers are learnt."""

import csv

import pytest
import torch
from typer.testing import CliRunner

from dipole.cli import app
from dipole.language.causal import CausalLM
from dipole.objectives import InfoNCE
from dipole.systems.text.coin import MARK, TASKS, LastTokens, instructions, wordings
from support.tiny_llama import save_tiny_llama


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))


def test_the_last_token_is_that_before_the_padding():
    one, other = torch.randn(3, 4, 5), torch.randn(3, 2, 5)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]).bool()
    found = LastTokens(0.1)(one, other, mask, torch.ones(3, 2, dtype=torch.bool))
    last = torch.stack([one[0, 3], one[1, 1], one[2, 0]])
    torch.testing.assert_close(found, InfoNCE(0.1)(last, other[:, 1]))


def test_wordings_are_told_apart_and_share_their_words():
    for task in TASKS:
        known, new = (wordings(task, held_out=held) for held in (False, True))
        assert (len(known), len(new)) == (6, 3)
        assert not {*known} & {*new}
        words = {word for text in known for word in text.split()}
        assert {word for text in new for word in text.split()} <= words


def test_pairs_have_one_input_and_answer_in_two_wordings():
    rows = instructions("train", quick=True).take(range(8))
    for one, other in zip(rows["anchor"], rows["positive"], strict=True):
        assert one != other
        assert one.partition(": ")[2] == other.partition(": ")[2]
    given = instructions("test", quick=True).column("input")
    assert not {text.partition(":")[0] for text in given} & {
        text.partition(":")[0] for text in rows["anchor"]
    }


def test_the_answer_alone_is_foreseen(tiny):
    model = CausalLM.load(tiny, answer_after=MARK)
    text = f"say it: a b {MARK} b a"
    shown = model.outputs(model.prepare([text, "no answer"]), ("logps", "foreseen"))
    own = shown["foreseen"][0].nonzero().squeeze(1)
    ids = model.prepare([text])["input_ids"][0]
    assert model.tokenizer.decode(ids[own]) == " b a<|im_end|>"
    assert not shown["logps"][0][~shown["foreseen"][0]].any()
    assert not shown["foreseen"][1].any()


def test_a_row_without_an_answer_is_named(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["train", "--recipe", "coin", "--encoder", f"lm:{tiny}", "--data", "rows.csv"]
    command += ["--encoder-option", f"answer_after='{MARK}'", "--out", "run", "--max-steps", "1"]
    rows = [["anchor", "positive", "instruction"]]
    rows += [[f"say {x} {MARK} {x}", f"tell {x} {MARK} {x}", "say"] for x in "abcd"]
    for last, message in (
        (f"say e {MARK}", f"row 6: anchor: found nothing behind '{MARK}' in 'say e"),
        ("say e", f"row 6: anchor: found no '{MARK}' in 'say e'; expected it, and an answer"),
        (f"say e {MARK} e", ""),
    ):
        with (tmp_path / "rows.csv").open("w", newline="") as file:
            csv.writer(file).writerows([*rows, [last, f"tell e {MARK} e", "say"]])
        done = CliRunner().invoke(app, command)
        assert message in str(done.exception)
        assert (done.exit_code == 0) == (not message)


def test_a_mark_that_is_no_text_is_refused(tiny, tmp_path, monkeypatch):
    """As yaml, without quotes, it is a comment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("anchor,positive\na,b\nc,d\n")
    command = ["train", "--recipe", "coin", "--encoder", f"lm:{tiny}", "--data", "rows.csv"]
    done = CliRunner().invoke(
        app, [*command, "--encoder-option", f"answer_after={MARK}", "--out", "run"]
    )
    assert "answer_after" in str(done.exception)
