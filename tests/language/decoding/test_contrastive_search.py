"""Contrastive search is the paper's loop, whatever is cached and batched."""

import pytest
import torch

from dipole.data.prompts import Prompt
from dipole.language.decoding import generate
from dipole.language.decoding.contrastive_search import contrastive_search

PROMPTS = ["Hello", "A rather longer prompt than that", "x", "and 4"]


def by_the_equation(model, text, most, k, alpha):
    """A loop over candidates that reads the whole text anew for each: no cache, no batch."""
    ids = model.tokenizer(text)["input_ids"]
    written = []
    for _ in range(most):
        chances = read(model, ids)[1][-1].softmax(-1)
        best, best_score = None, -torch.inf
        for token in chances.topk(k).indices.tolist():
            states = read(model, [*ids, token])[0]
            cosines = [torch.cosine_similarity(states[-1], h, dim=0) for h in states[:-1]]
            score = (1 - alpha) * chances[token] - alpha * max(cosines)
            if score > best_score:
                best, best_score = token, score
        if best == model.tokenizer.eos_token_id:
            return written
        ids, written = [*ids, best], [*written, best]
    return written


def read(model, ids):
    with torch.no_grad():
        out = model.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return out.hidden_states[-1][0], out.logits[0]


def search(model, prompts, most, **options):
    asked = [Prompt(text) for text in prompts]
    ends = {model.tokenizer.eos_token_id}
    with torch.inference_mode():
        return contrastive_search(model, asked, most, ends, **options)


@pytest.mark.parametrize(("k", "alpha"), [(4, 0.6), (3, 0.9), (5, 0.2)])
def test_it_is_the_loop_of_the_equation_in_any_batch(model, k, alpha):
    wanted = [by_the_equation(model, text, 12, k, alpha) for text in PROMPTS]
    greedy = [by_the_equation(model, text, 12, 1, 0.0) for text in PROMPTS]
    assert wanted != greedy  # the penalty chooses something
    found = search(model, PROMPTS, 12, k=k, alpha=alpha)
    assert [one.tokens for one in found] == wanted
    alone = [search(model, [text], 12, k=k, alpha=alpha)[0] for text in PROMPTS]
    assert alone == found


@pytest.mark.parametrize("options", [{"k": 1, "alpha": 0.6}, {"k": 5, "alpha": 0.0}])
def test_without_penalty_or_choice_it_is_greedy(model, options):
    greedy = generate(model, PROMPTS, max_new_tokens=10)
    assert [one.text for one in generate(model, PROMPTS, "contrastive-search", max_new_tokens=10,
                                         **options)] == [one.text for one in greedy]  # fmt: skip


def test_a_row_that_ends_leaves_the_others_as_they_are(model):
    whole = search(model, PROMPTS, 12, k=4)
    ends = {whole[1].tokens[3], whole[3].tokens[5]}
    asked = [Prompt(text) for text in PROMPTS]
    with torch.inference_mode():
        found = contrastive_search(model, asked, 12, ends, k=4)
    for one, wanted in zip(found, whole, strict=True):
        cut = next((i for i, token in enumerate(wanted.tokens) if token in ends), None)
        assert one.tokens == wanted.tokens[:cut]
        assert one.finish == ("length" if cut is None else "end")
    assert {one.finish for one in found} == {"end", "length"} or len(found) == 4


def test_it_stops_where_the_model_reads_no_more(llama):
    (found,) = search(llama, ["x" * 90], 12)
    assert (len(found.tokens), found.finish) == (6, "context")
