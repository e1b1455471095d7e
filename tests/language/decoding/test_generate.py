"""`generate` is transformers' where transformers has it; batches, seeds, ends and errors."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding import Method, Prompt, Rule, Stream, generate
from support.tiny_llama import save_tiny_llama

PROMPTS = ["Hello", "A rather longer prompt than that", "x", "and 4"]
CHAT = [{"role": "user", "content": "Hi"}]


def test_greedy_is_transformers(tiny, llama):
    plain = AutoModelForCausalLM.from_pretrained(tiny).eval()
    for text in PROMPTS:
        ids = torch.tensor([llama.tokenizer(text)["input_ids"]])
        wanted = plain.generate(ids, max_new_tokens=20, do_sample=False)[0, ids.shape[1] :]
        (found,) = generate(llama, [text], max_new_tokens=20)
        assert found.text == llama.tokenizer.decode(wanted, skip_special_tokens=True)


def test_a_batch_is_one_by_one(model):
    together = generate(model, PROMPTS, max_new_tokens=12, batch_size=3)
    alone = [generate(model, [text], max_new_tokens=12)[0].text for text in PROMPTS]
    assert [one.text for one in together] == alone
    assert [one.id for one in together] == ["0", "1", "2", "3"]


def test_draws_depend_on_the_seed_and_the_place_alone(llama):
    options = {"max_new_tokens": 12, "samples": 2, "temperature": 0.9, "top_p": 0.95}
    found = generate(llama, PROMPTS, "sample", seed=3, **options)
    again = generate(llama, PROMPTS, "sample", seed=3, batch_size=1, **options)
    longer = generate(llama, [*PROMPTS, "more"], "sample", seed=3, **options)
    assert found == again == longer[: len(found)]
    assert [(one.id, one.sample) for one in found[:4]] == [("0", 0), ("0", 1), ("1", 0), ("1", 1)]
    assert all(a.text != b.text for a, b in zip(found[::2], found[1::2], strict=True))
    other = generate(llama, PROMPTS, "sample", seed=4, **options)
    assert all(a.text != b.text for a, b in zip(found, other, strict=True))


def test_an_end_of_text_ends_an_answer_and_no_other(llama, monkeypatch):
    whole = generate(llama, PROMPTS, max_new_tokens=12)
    ids = [llama.tokenizer(one.text, add_special_tokens=False)["input_ids"] for one in whole]
    monkeypatch.setattr(llama.model.generation_config, "eos_token_id", [257, ids[0][4]])
    found = generate(llama, PROMPTS, max_new_tokens=12)
    assert found[0].finish == "end"
    assert found[0].tokens <= 4
    for one, before in zip(found, whole, strict=True):
        assert before.text.startswith(one.text) or "�" in one.text
        assert one.finish in ("end", "length")


def test_a_conversation_goes_through_the_template(llama):
    text = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    (found,) = generate(llama, [CHAT], max_new_tokens=8)
    assert found.text == generate(llama, [text], max_new_tokens=8)[0].text
    assert found.prompt == CHAT
    (told,) = generate(llama, [CHAT], "acd", safe="A", adversarial="B", alpha=0, max_new_tokens=8)
    system = "<|im_start|>system\nA<|im_end|>\n"
    assert told.text == generate(llama, [system + text], max_new_tokens=8)[0].text


def test_the_model_stays_in_its_mode(llama):
    llama.train()
    generate(llama, ["x"], max_new_tokens=2)
    assert llama.training
    llama.eval()


def test_a_lora_writes_as_its_folded_model(tiny):
    model = CausalLM.load(tiny).add_lora(None, rank=2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(0))
    found = [generate(one, PROMPTS, "contrastive-search", max_new_tokens=8)
             for one in (model, model.folded())]  # fmt: skip
    assert [a.text for a in found[0]] == [b.text for b in found[1]]
    plain = generate(CausalLM.load(tiny), PROMPTS, "contrastive-search", max_new_tokens=8)
    assert [a.text for a in found[0]] != [b.text for b in plain]


class Sharpened(Method):
    """A method of one's own."""

    power: float = 2.0

    def rule(self, model):
        return Rule((Stream(self.power),))


def test_a_method_of_ones_own(llama, tmp_path, monkeypatch):
    greedy = [one.text for one in generate(llama, PROMPTS, max_new_tokens=6)]
    assert [
        one.text for one in generate(llama, PROMPTS, Sharpened(3.0), max_new_tokens=6)
    ] == greedy
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from dipole.language.decoding import Method, Rule, Stream\n"
        "class Worst(Method):\n"
        "    def rule(self, model):\n"
        "        return Rule((Stream(1.0), Stream(-2.0)))\n"
    )
    (worst,) = generate(llama, ["x"], "own.py:Worst", max_new_tokens=1)
    assert worst.text != generate(llama, ["x"], max_new_tokens=1)[0].text


@pytest.mark.parametrize(
    ("prompts", "method", "options", "message"),
    [
        (["x" * 96], "greedy", {}, r"prompt 0: found 96 tokens, and .* reads 96 with at least one"),
        ([Prompt("x", id="q7")], "cid", {}, "prompt q7: found no contrast; expected a prompt with"),
        (["x"], "gready", {}, "method: found 'gready'; did you mean 'greedy'"),
        (["x"], "sample", {"topk": 3}, "option 'topk': sample has no such setting; did you mean"),
        (["x"], "sample", {"top_p": 2}, "method sample: top_p: found 2, expected a number from 0"),
        (["x"], "dola", {"top_k": 2}, "found with temperature 0, at which nothing is drawn"),
        (["x"], "lol", {"amateur": "y"}, "method lol: found no instruction; expected option"),
        (["x"], "contrastive-search", {"samples": 2}, "samples: found 2, and the method draws"),
        (["x"], "greedy", {"max_new_tokens": 0}, "max_new_tokens"),
        ([""], "greedy", {}, "prompt 0: found the prompt '', which has no tokens"),
        ([CHAT, "[INST] x"], "greedy", {}, "prompt 1: found .* a mark of another model's chat"),
        (["x"], "contrastive-decoding", {"amateur": 3}, "amateur: found 3; expected a folder"),
        (["x"], "acd", {"safe": "A", "adversarial": 1}, "adversarial: found 1; expected a text"),
        (["x"], Sharpened(), {"power": 1}, "option 'power': found beside a Sharpened"),
        (["x", 3], "greedy", {}, "index 1: found an int; expected text"),
    ],
)
def test_what_is_wrong_is_one_line(llama, prompts, method, options, message):
    with pytest.raises(InputError, match=message) as raised:
        generate(llama, prompts, method, **options)
    assert "\n" not in str(raised.value)


def test_a_long_prompt_is_refused_before_any_is_answered(llama, monkeypatch):
    def fail(*_):
        raise AssertionError

    monkeypatch.setattr("dipole.language.decoding.by_rule.Running", fail)
    with pytest.raises(InputError, match="prompt 2"):
        generate(llama, ["x", "y", "z" * 96])


def test_conversations_without_a_template(tmp_path):
    model = CausalLM.load(save_tiny_llama(tmp_path / "bare", template=None))
    with pytest.raises(InputError, match="prompt 0: the data are conversations, and its tokenizer"):
        generate(model, [CHAT])


def test_more_tokens_than_the_model_reads_are_no_more_memory(llama):
    (found,) = generate(llama, ["x"], "sample", temperature=1.0, max_new_tokens=10**14)
    assert found.finish in ("context", "end")
    with pytest.raises(InputError, match="seed: found -1; expected a whole number, 0 or more"):
        generate(llama, ["x"], seed=-1)
