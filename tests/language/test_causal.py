"""The language model: what transformers says, in any batch; saved as others read it."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from dipole.data.preferences import Answers, Preferences
from dipole.encoders import load_encoder
from dipole.encoders.base import fingerprint
from dipole.encoders.own import save_encoder
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from support.tiny_bert import save_tiny_bert
from support.tiny_llama import save_tiny_llama

ASKED = [Answers("2 + 2 =", [" 4", " five"]), Answers("A longer question: ", ["yes"])]


@pytest.fixture
def model(tiny):
    return CausalLM.load(tiny)


def test_log_probs_are_those_of_the_logits_of_transformers(tiny, model):
    plain = AutoModelForCausalLM.from_pretrained(tiny).eval()
    found = model.log_probs(model.prepare(ASKED))
    row = 0
    for one in ASKED:
        read = model.tokens(one)
        for answer in read.answers:
            ids = torch.tensor([read.prompt + answer])  # alone, without padding
            with torch.no_grad():
                chances = plain(ids).logits[0].log_softmax(-1)
            first = len(read.prompt)
            wanted = torch.stack([chances[first + t - 1, a] for t, a in enumerate(answer)])
            torch.testing.assert_close(found[row, : len(answer)].detach(), wanted)
            assert not found[row, len(answer) :].any()
            row += 1
    assert row == len(found) == 3


def test_dropout_is_off_in_training(model):
    assert model.model.config.attention_dropout == 0.1
    model.train()
    features = model.prepare(ASKED)
    torch.testing.assert_close(model.log_probs(features), model.log_probs(features))


def test_a_saved_model_is_read_by_transformers_and_by_dipole(model, tmp_path):
    with torch.no_grad():
        model.model.lm_head.weight.mul_(1.5)
    save_encoder(model, tmp_path / "saved")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    again = load_encoder(tmp_path / "saved")
    assert torch.equal(plain.lm_head.weight, model.model.lm_head.weight)
    assert isinstance(again, CausalLM)
    assert fingerprint(again) == fingerprint(model)
    assert fingerprint(load_encoder(f"lm:{tmp_path / 'saved'}")) == fingerprint(model)


def test_max_length_is_kept(tiny, tmp_path):
    save_encoder(CausalLM.load(tiny, max_length=40), tmp_path)
    assert load_encoder(tmp_path).max_length == 40


def trained_lora(tiny):
    torch.manual_seed(0)
    model = CausalLM.load(tiny).adapted("lora", str(tiny), {"rank": 2})
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def test_a_lora_starts_as_its_base_and_trains_alone(tiny, model):
    made = CausalLM.load(tiny).adapted("lora", str(tiny), {"rank": 2})
    features = model.prepare(ASKED)
    torch.testing.assert_close(made.log_probs(features), model.log_probs(features))
    names = {name for name, p in made.named_parameters() if p.requires_grad}
    assert names
    assert all("lora_" in name for name in names)


# peft asks transformers by an old name.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_a_saved_lora_comes_back_in_dipole_and_in_peft(tiny, tmp_path):
    peft = pytest.importorskip("peft")
    model = trained_lora(tiny)
    save_encoder(model, tmp_path)
    features = model.prepare(ASKED)
    again = load_encoder(tmp_path)
    torch.testing.assert_close(again.log_probs(features), model.log_probs(features))
    assert again.settings() == model.settings()
    plain = AutoModelForCausalLM.from_pretrained(tiny)
    theirs = peft.PeftModel.from_pretrained(plain, tmp_path).eval()
    ids = {name: features[name] for name in ("input_ids", "attention_mask")}
    torch.testing.assert_close(theirs(**ids).logits, model.model(**ids).logits)
    direct = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(direct(**ids).logits, model.model(**ids).logits)


def test_a_folded_lora_is_a_whole_model_of_the_same_log_probs(tiny):
    model = trained_lora(tiny)
    whole, features = model.folded(), model.prepare(ASKED)
    assert whole.lora is None
    torch.testing.assert_close(
        whole.log_probs(features), model.log_probs(features), atol=1e-4, rtol=0
    )


def test_its_vectors_do_not_depend_on_the_batch(model):
    texts = ["a cat", "a much longer text about a dog"]
    both = model.encode(texts)
    assert both.shape == (2, 16)
    alone = np.concatenate([model.encode([text]) for text in texts])
    np.testing.assert_allclose(both, alone, atol=1e-5)
    shown = model.outputs(model.prepare(texts), ["tokens", "mask", "hidden"])
    assert shown["hidden"].shape[:2] == (2, 3)


def test_what_is_cut_is_said_and_what_cannot_be_read_refused(tiny):
    model = CausalLM.load(tiny, max_length=20)
    rows = {
        "prompt": ["short", 30 * "long"],
        "answers": [["yes", "no"], ["yes", "no"]],
        "ratings": [[1.0, 0.0]] * 2,
    }
    (note,) = model.notes_on(Preferences.from_columns(rows))
    assert note == (
        "warning: 1 of 2 prompts lose their beginning, row 2 by 104 tokens: the model reads 20 "
        "with the answer, and no answer is cut"
    )
    rows["answers"] = [["yes", "no"], ["yes", 30 * "no"]]
    with pytest.raises(InputError, match=r"row 2 of the preferences: found an answer of 61 tokens"):
        model.notes_on(Preferences.from_columns(rows))


def test_a_model_that_sees_both_ways_is_refused(tmp_path):
    save_tiny_bert(tmp_path, ["a cat", "a dog"])
    with pytest.raises(InputError) as raised:
        CausalLM.load(tmp_path)
    assert "\n" not in str(raised.value)


def test_other_additions_and_options_are_refused(tiny):
    for kind, options, message in (
        ("prefix", {}, "adapter: found prefix for a language model; expected lora"),
        ("lora", {"rnak": 2}, "rnak"),
        ("lora", {"dropout": 1.5}, "adapter option 'dropout': found 1.5"),
    ):
        with pytest.raises(InputError, match=message):
            CausalLM.load(tiny).adapted(kind, None, options)


def test_a_base_that_lies_nowhere_is_saved_with_its_lora(tiny, tmp_path):
    model = trained_lora(tiny)
    model.source = None
    save_encoder(model, tmp_path)
    features = model.prepare(ASKED)
    torch.testing.assert_close(
        load_encoder(tmp_path).log_probs(features), model.log_probs(features)
    )
    assert (
        json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"]
        is None
    )


def test_a_model_with_other_tokens_has_another_fingerprint(tiny, tmp_path):
    other = save_tiny_llama(tmp_path, template="{{ messages[0]['content'] }}")
    assert fingerprint(CausalLM.load(other)) != fingerprint(CausalLM.load(tiny))
