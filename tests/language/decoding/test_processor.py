"""Inside transformers' generate a rule gives what it gives alone, and follows beams."""

from itertools import pairwise

import pytest
import torch
from transformers import AutoModelForCausalLM

from dipole.errors import InputError
from dipole.language.decoding import Prompt, generate
from dipole.language.decoding.processor import RuleProcessor
from dipole.language.decoding.rule import Running

PROMPTS = ["Hello", "A rather longer prompt", "x"]


def by_transformers(model, tiny, processor, prompts=PROMPTS, **options):
    plain = AutoModelForCausalLM.from_pretrained(tiny).eval()
    model.tokenizer.padding_side = "left"
    ids = model.tokenizer(prompts, return_tensors="pt", padding=True)
    model.tokenizer.padding_side = "right"
    options = {"max_new_tokens": 8, "do_sample": False} | options
    found = plain.generate(
        input_ids=ids["input_ids"], attention_mask=ids["attention_mask"],
        logits_processor=[processor], **options,
    )  # fmt: skip
    return found[:, ids["input_ids"].shape[1] :]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("contrastive-decoding", {}),
        ("dola", {"layers": [0, 1]}),
        ("cfg", {}),
        ("acd", {"safe": "Be good. ", "adversarial": "Be bad. "}),
        ("lol", {"instruction": "True: "}),
    ],
)
def test_greedy_with_a_processor_is_generate(tiny, llama, amateur, name, options):
    if name in ("contrastive-decoding", "lol"):
        options = options | {"amateur": amateur}
    found = by_transformers(llama, tiny, RuleProcessor(llama, name, PROMPTS, **options))
    wanted = generate(llama, PROMPTS, name, max_new_tokens=8, **options)
    for row, one in zip(found, wanted, strict=True):
        assert llama.tokenizer.decode(row, skip_special_tokens=True) == one.text


def test_cfg_is_transformers_own_guidance(tiny, llama):
    plain = AutoModelForCausalLM.from_pretrained(tiny).eval()
    for text in PROMPTS:
        ids = torch.tensor([llama.tokenizer(text)["input_ids"]])
        wanted = plain.generate(ids, max_new_tokens=8, do_sample=False, guidance_scale=1.8)
        (found,) = generate(llama, [text], "cfg", guidance=1.8, max_new_tokens=8)
        told = llama.tokenizer.decode(wanted[0, ids.shape[1] :], skip_special_tokens=True)
        assert found.text == told


def test_it_follows_the_beams(tiny, llama, amateur):
    """Beams move between rows: the scores of a beam are still those of its own text."""
    prompts = PROMPTS[1:]
    processor = RuleProcessor(llama, "contrastive-decoding", prompts, amateur=amateur, plausible=0)
    calls = []
    call = processor.__call__

    class Kept(RuleProcessor):
        def __init__(self):
            pass

        def __call__(self, input_ids, scores):
            found = call(input_ids, scores)
            calls.append((input_ids.clone(), found.clone()))
            return found

    by_transformers(llama, tiny, Kept(), prompts, num_beams=3, max_new_tokens=6)
    start = max(len(llama.tokenizer(text)["input_ids"]) for text in prompts)
    rule = processor._running.rule
    moved = 0
    for (before, _), (ids, found) in pairwise(calls):
        moved += not torch.equal(before, ids[:, :-1])
        for row, text in enumerate(t for t in prompts for _ in range(3)):
            running = Running(rule, llama, [Prompt(text)])
            for token in ids[row, start:]:
                running.read(token[None])
            torch.testing.assert_close(found[row], running.scores()[0], atol=1e-3, rtol=1e-3)
    assert moved


def test_a_second_call_of_generate_needs_a_new_one(tiny, llama):
    processor = RuleProcessor(llama, "cfg", PROMPTS)
    by_transformers(llama, tiny, processor)
    with pytest.raises(InputError, match="expected a new one for each call"):
        by_transformers(llama, tiny, processor)
    with pytest.raises(InputError, match="prompts: found 2, and transformers generates 3"):
        by_transformers(llama, tiny, RuleProcessor(llama, "cfg", PROMPTS[:2]))
    with pytest.raises(InputError, match="contrastive-search, which looks ahead"):
        RuleProcessor(llama, "contrastive-search", PROMPTS)
