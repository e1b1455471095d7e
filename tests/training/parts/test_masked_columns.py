"""Hidden words of a batch's texts, against a loop over the equation; the pass they share."""

import pytest
import torch

from dipole.data import Inputs
from dipole.encoders import StaticText
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.training.parts.masked_columns import MaskedColumns, masked
from dipole.training.parts.refilled import refilled
from support.parts import bound
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]


@pytest.fixture
def encoder(tmp_path):
    return MaskedText.from_inputs(model=str(save_tiny_bert(tmp_path / "b", TEXTS, masked=True)))


def test_words_are_hidden_as_bert_has_it(encoder):
    torch.manual_seed(0)
    features = encoder.prepare(TEXTS * 2000)
    (changed,), (asked,) = masked([features], encoder, 0.3)
    before, after = features["input_ids"], changed["input_ids"]
    special = torch.isin(before, torch.tensor(encoder.tokenizer.all_special_ids))
    assert not (asked & special).any()
    assert abs(asked[~special].float().mean() - 0.3) < 0.02
    assert torch.equal(before[~asked], after[~asked])
    hidden = after[asked] == encoder.tokenizer.mask_token_id
    assert abs(hidden.float().mean() - 0.8) < 0.03
    assert 0.05 < (after[asked] == before[asked]).float().mean() < 0.15


@pytest.mark.parametrize("shared", [True, False])
def test_the_losses_are_those_of_the_equation(encoder, shared):
    encoder.eval()
    part = bound(MaskedColumns(share=0.5, shared=shared), {}, encoder=encoder)
    features = encoder.prepare(TEXTS)
    torch.manual_seed(1)
    (changed,), (asked,) = masked([features], encoder, 0.5)
    torch.manual_seed(1)
    found = part.encode({"anchor": [features]})
    states = encoder.transformer(**changed).last_hidden_state
    words, expected = encoder.transformer.get_input_embeddings().weight, []
    for i, t in asked.nonzero().tolist():
        head = encoder.word_head
        x = head.norm(torch.nn.functional.gelu(head.dense(states[i, t])))
        log_z = torch.stack([x @ word for word in words]) + head.bias
        expected.append(log_z.logsumexp(0) - log_z[features["input_ids"][i, t]])
    torch.testing.assert_close(found["masked_losses"], torch.stack(expected))
    assert ("anchor" in found) == shared
    if shared:  # the vectors are of the texts with words hidden
        torch.testing.assert_close(found["anchor"], encoder(changed))


def test_pieces_and_several_columns_give_every_place(encoder):
    encoder.eval()
    part = bound(MaskedColumns(columns="anchor+negative", share=1.0), {}, encoder=encoder)
    pieces = [encoder.prepare(TEXTS[:2]), encoder.prepare(TEXTS[2:])]
    found = part.encode({"anchor": pieces, "positive": pieces})
    special = torch.tensor(encoder.tokenizer.all_special_ids)
    count = sum(int((~torch.isin(piece["input_ids"], special)).sum()) for piece in pieces)
    assert len(found["masked_losses"]) == count
    both = part.encode({"anchor": pieces, "negative": pieces[:1]})["masked_losses"]
    assert len(both) > count


def test_a_generator_fills_in_its_likeliest_words(encoder):
    encoder.eval()
    pieces = [encoder.prepare(TEXTS)]
    torch.manual_seed(2)
    (hidden,), _ = masked(pieces, encoder, 0.3)
    guess = encoder.logits(hidden).argmax(-1)
    torch.manual_seed(2)
    (made,), (changed,) = refilled(pieces, encoder, 0.3)
    ids, mask = pieces[0]["input_ids"], pieces[0]["attention_mask"].bool()
    assert torch.equal(made["input_ids"][:, 0], ids[:, 0])
    assert torch.equal(made["input_ids"][~mask], ids[~mask])
    inner = mask.clone()
    inner[:, 0] = False
    assert torch.equal(made["input_ids"][inner], guess[inner])
    assert torch.equal(changed, made["input_ids"] != ids)


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="found 'query', expected one of anchor"):
        MaskedColumns(columns="query")
    static = StaticText.from_texts(TEXTS, TEXTS, dim=8)
    examples = Inputs.from_columns({"input": TEXTS})
    with pytest.raises(InputError, match="found StaticText; expected a masked language model"):
        bound(MaskedColumns(), {}, encoder=static, examples=examples)
