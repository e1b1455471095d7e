"""Log-probabilities of the tokens of texts: those of transformers, and what is learnt by them."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from dipole import fit
from dipole.cli import app
from dipole.data.examples import Inputs
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.likelihoods import log_likelihoods

TEXTS = [f"the {animal} sat on the {place}" for animal in ("cat", "dog") for place in "abcdefg"]


def test_they_are_those_of_transformers(tiny):
    model, texts = CausalLM.load(tiny), ["abc", "a longer text", "x"]
    model.dtype = "float32"
    plain = AutoModelForCausalLM.from_pretrained(tiny).eval()
    shown = model.outputs(model.prepare(texts), ("tokens", "mask", "logps", "foreseen"))
    sums, counts = log_likelihoods(model, texts)
    for row, text in enumerate(texts):
        ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            chances = plain(ids).logits[0].log_softmax(-1)
        wanted = chances[:-1].gather(1, ids[0, 1:, None]).squeeze(1)
        count = ids.shape[1]
        torch.testing.assert_close(shown["logps"][row, 1:count].detach(), wanted)
        assert not shown["logps"][row, count:].any()
        assert not shown["logps"][row, 0]
        assert counts[row] == count - 1
        np.testing.assert_allclose(sums[row], wanted.double().sum(), rtol=1e-5)


def test_a_training_on_texts_foresees_them_better(tiny, tmp_path):
    run = fit(
        Inputs.from_columns({"input": TEXTS}), encoder=f"lm:{tiny}", objective="next-token",
        out=tmp_path / "run", max_steps=6, batch_size=7, learning_rate=1e-2, validation=0.2,
        show_progress=False,
    )  # fmt: skip
    before, after = (log_likelihoods(m, TEXTS)[0].sum() for m in (CausalLM.load(tiny), run.encoder))
    assert after > before + 100
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    last = next(one for one in reversed(found) if "validation/perplexity" in one)
    logp = last["validation/log-likelihood"]
    assert last["validation/perplexity"] == pytest.approx(np.exp(-logp))


def test_pieces_of_a_batch_change_nothing(tiny, tmp_path):
    found = []
    for name, more in (("whole", {}), ("pieces", {"chunk": 3})):
        run = fit(
            Inputs.from_columns({"input": TEXTS}), encoder=f"lm:{tiny}",
            objective="next-token + token-contrast", out=tmp_path / name, max_steps=2,
            batch_size=7, learning_rate=1e-3, precision="fp32", show_progress=False, **more,
        )  # fmt: skip
        found.append(dict(run.encoder.state_dict()))
    for name, weight in found[0].items():
        torch.testing.assert_close(found[1][name], weight, rtol=1e-4, atol=1e-6)


def test_what_is_cut_and_what_cannot_be_is_said(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.csv").write_text("text\n" + "a long text " * 20 + "\nshort\n")
    command = ["train", "--objective", "next-token", "--data", "texts.csv", "--max-steps", "1"]
    said = CliRunner().invoke(app, [*command, "--encoder", f"lm:{tiny}", "--out", "run"])
    assert said.exit_code == 0
    assert "1 of 2 texts lose their end, row 2 144 tokens" in said.output
    other = CliRunner().invoke(app, [*command, "--encoder", "static", "--out", "other"])
    assert "next-token takes the logps of anchor, and" in str(other.exception)


def test_a_validation_needs_a_text_of_two_tokens(tiny, tmp_path):
    with pytest.raises(InputError, match="no text of two tokens"):
        fit(
            Inputs.from_columns({"input": TEXTS}), encoder=f"lm:{tiny}", objective="next-token",
            out=tmp_path / "run", max_steps=1, show_progress=False,
            validation=Inputs.from_columns({"input": ["x"]}),
        )  # fmt: skip
