"""Measures with a model, against whole passes by transformers."""

import numpy as np
import pytest
import torch

from dipole.data.prompts import Prompt
from dipole.evaluation.generation import isotropy
from dipole.language.decoding.measures import coherence, input_contrast, token_states


def read(model, ids):
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)


def test_coherence_is_the_mean_log_probability_without_the_end(llama):
    prompts, texts = ["Hello", "A longer one", "x"], [" you", "", "s"]
    found = coherence(llama, prompts, texts, batch_size=2)
    assert np.isnan(found[1])
    for i in (0, 2):
        before, after = (llama.tokenizer(t)["input_ids"] for t in (prompts[i], texts[i]))
        chances = read(llama, [*before, *after])
        wanted = [float(chances[len(before) - 1 + j, token]) for j, token in enumerate(after)]
        assert found[i] == pytest.approx(np.mean(wanted), abs=1e-5)


def test_input_contrast_is_the_variation_along_both_greedy_answers(llama):
    asked = Prompt("Hello", "Hullo")
    distances = []
    for text in (asked.text, asked.contrast):
        greedy = ids_of_greedy(llama, text, 6)
        sides = (llama.tokenizer(side)["input_ids"] for side in (asked.text, asked.contrast))
        chances = [read(llama, [*ids, *greedy])[len(ids) - 1 :].exp() for ids in sides]
        distances += [(chances[0] - chances[1]).abs().sum(-1) / 2]
    wanted = float(torch.cat(distances).mean())
    assert input_contrast(llama, asked, max_new_tokens=6) == pytest.approx(wanted, abs=1e-5)
    assert input_contrast(llama, Prompt("Hello", "Hello")) == pytest.approx(0, abs=1e-6)


def ids_of_greedy(model, text, most):
    ids = list(model.tokenizer(text)["input_ids"])
    start = len(ids)
    for _ in range(most):
        token = int(read(model, ids)[-1].argmax())
        if token == model.tokenizer.eos_token_id:
            break
        ids.append(token)
    return ids[start:]


def test_states_are_those_of_the_last_layer(llama):
    (states, other) = token_states(llama, ["Hello", "you"])
    with torch.no_grad():
        ids = torch.tensor([llama.tokenizer("Hello")["input_ids"]])
        wanted = llama.model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
    np.testing.assert_allclose(states, wanted, atol=1e-5)
    assert 0 < isotropy([states, other]) < 2
