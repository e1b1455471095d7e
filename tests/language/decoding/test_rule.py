"""A rule's scores are those of whole forward passes; methods are the rules of their equations."""

import copy
import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding import Prompt, Rule, Stream, generate
from dipole.language.decoding.methods import method
from dipole.language.decoding.rule import Running, check_vocabulary
from support.tiny_llama import save_tiny_llama

PROMPTS = ["Hello", "A rather longer prompt than that", "x"]
CONTRASTS = ["Hullo, hullo", "B", "y"]


def log_p(model, text, answer, layer=-1, before=""):
    """log p(. | before, text, answer) of a layer, read as a whole, without cache and padding."""
    ids = [*model.tokenizer(before + text)["input_ids"], *answer]
    with torch.no_grad():
        states = model.model(
            input_ids=torch.tensor([ids]), output_hidden_states=True
        ).hidden_states[layer]
        norm = getattr(model.model.base_model, "norm", None) or model.model.base_model.ln_f
        states = states if layer == -1 else norm(states)
        return model.model.lm_head(states)[0, -1].log_softmax(-1)


def js(p, q):
    m = (p.exp() + q.exp()) / 2
    return sum((x.exp() * (x - m.log())).sum() for x in (p, q)) / 2


EQUATIONS = {
    "contrastive-decoding": (
        {"weight": 0.8, "amateur_temperature": 0.5},
        lambda m, a, x, c, y: log_p(m, x, y) - 1.6 * log_p(a, x, y),
    ),
    "cid": ({"strength": 2.0}, lambda m, a, x, c, y: 3 * log_p(m, x, y) - 2 * log_p(m, c, y)),
    "cfg": (
        {"guidance": 1.7, "plausible": 0.1},
        lambda m, a, x, c, y: 1.7 * log_p(m, x, y) - 0.7 * log_p(m, x[-1], y),
    ),
    "acd": (
        {"safe": "Be good. ", "adversarial": "Be bad. ", "alpha": 0.4, "plausible": 0.1},
        lambda m, a, x, c, y: log_p(m, x, y, before="Be good. ")
        - 0.4 * log_p(m, x, y, before="Be bad. "),
    ),
    "dola": (
        {"layers": [0, 1]},
        lambda m, a, x, c, y: log_p(m, x, y)
        - max(
            (log_p(m, x, y, layer) for layer in (0, 1)), key=lambda q: float(js(log_p(m, x, y), q))
        ),
    ),
    "lol": (
        {"instruction": "True: ", "alpha": 0.9, "omega": 0.4, "refocus": 0.3, "layers": 1},
        lambda m, a, x, c, y: log_p(m, x, y)
        - 0.9 * log_p(a, x, y)
        + 0.4 * (log_p(m, x, y, 1) - 0.9 * log_p(a, x, y, 1))
        + 0.3 * (log_p(m, x, y, before="True: ") - log_p(m, x, y)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_method_is_its_equation_in_any_batch(llama, amateur, name):
    options, equation = EQUATIONS[name]
    options = options | ({"amateur": amateur} if name in ("contrastive-decoding", "lol") else {})
    options = options if name in ("acd", "cfg") else options | {"plausible": 0.1}
    asked = [Prompt(x, c, x) for x, c in zip(PROMPTS, CONTRASTS, strict=True)]
    running = Running(method(name, options).rule(llama), llama, asked)
    answers = [[], [], []]
    differs = 0
    for _ in range(5):
        found = running.scores()
        for row, (x, c, y) in enumerate(zip(PROMPTS, CONTRASTS, answers, strict=True)):
            wanted = equation(llama, amateur, x, c, y)
            first = log_p(llama, x, y, before="Be good. " if name == "acd" else "")
            kept = first.exp() >= 0.1 * first.exp().max()
            assert torch.equal(found[row].isfinite(), kept)
            torch.testing.assert_close(found[row][kept], wanted[kept], atol=1e-4, rtol=1e-4)
            differs += int(found[row].argmax() != first.argmax())
        tokens = found.argmax(1)
        for y, token in zip(answers, tokens.tolist(), strict=True):
            y.append(token)
        running.read(tokens)
    assert differs
    written = generate(llama, asked, name, max_new_tokens=5, **options)
    assert [w.text for w in written] == [llama.tokenizer.decode(y) for y in answers]
    alone = [generate(llama, [one], name, max_new_tokens=5, **options)[0] for one in asked]
    assert [w.text for w in alone] == [w.text for w in written]


def test_the_difference_form_of_cid_moves_by_probabilities(llama):
    asked = Prompt("Hello", "Hullo")
    rule = method("cid", {"strength": 3.0, "form": "difference", "plausible": 0}).rule(llama)
    found = Running(rule, llama, [asked]).scores()[0]
    p, q = log_p(llama, "Hello", []), log_p(llama, "Hullo", [])
    torch.testing.assert_close(found, p + 3 * (p.exp() - q.exp()), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("contrastive-decoding", {"weight": 0, "amateur": None}),
        ("cid", {"strength": 0}),
        ("cfg", {"guidance": 1}),
    ],
)
def test_without_its_contrast_a_method_is_greedy(llama, amateur, name, options):
    options = options | ({"amateur": amateur} if "amateur" in options else {})
    asked = [Prompt(x, c) for x, c in zip(PROMPTS, CONTRASTS, strict=True)]
    greedy = [one.text for one in generate(llama, asked, max_new_tokens=8)]
    found = generate(llama, asked, name, max_new_tokens=8, **options)
    assert [one.text for one in found] == greedy


def test_lol_without_fusion_and_refocus_is_contrastive_decoding(llama, amateur):
    lol = {"amateur": amateur, "instruction": "True: ", "omega": 0, "refocus": 0}
    plain = {"amateur": amateur, "amateur_temperature": 1.0}
    found = generate(llama, PROMPTS, "lol", max_new_tokens=8, **lol)
    wanted = generate(llama, PROMPTS, "contrastive-decoding", max_new_tokens=8, **plain)
    assert [one.text for one in found] == [one.text for one in wanted]


def test_a_soft_prompt_of_a_texts_own_vectors_is_that_text(llama):
    embed = llama.model.get_input_embeddings()
    ids = torch.tensor(llama.tokenizer("Be good. ")["input_ids"])
    asked = [Prompt(text) for text in PROMPTS]
    rule = Rule((Stream(1.0, prefix=embed(ids).detach()),))
    found = Running(rule, llama, asked).scores()
    for row, text in enumerate(PROMPTS):
        wanted = log_p(llama, text, [], before="Be good. ")
        torch.testing.assert_close(found[row], wanted, atol=1e-4, rtol=1e-4)


def test_streams_that_read_the_same_share_a_reader(llama, amateur):
    lol = method("lol", {"amateur": amateur, "instruction": "True: "}).rule(llama)
    assert len(Running(lol, llama, [Prompt("x")])._readers) == 3


def test_another_vocabulary_is_refused(llama, tmp_path):
    other = CausalLM.load(save_tiny_llama(tmp_path / "other", end=None))
    fewer = copy.deepcopy(llama)
    fewer.tokenizer = AutoVocabulary({"!": 0})
    with pytest.raises(
        InputError, match=r"another vocabulary \('\"' is token 1 of .*llama.* and no token of"
    ):
        check_vocabulary(llama, fewer)
    check_vocabulary(llama, other)  # another end is no other vocabulary
    with pytest.raises(InputError, match="another vocabulary"):
        generate(llama, ["x"], "contrastive-decoding", amateur=fewer)


class AutoVocabulary:
    def __init__(self, vocabulary):
        self.vocabulary = vocabulary

    def get_vocab(self):
        return self.vocabulary


def test_an_amateur_with_fewer_layers_is_refused(llama, gpt2):
    with pytest.raises(InputError, match="found 2 layers; expected more than the early layer 3"):
        generate(gpt2, ["x"], "lol", amateur=llama, instruction="True: ", layers=[3])


def test_heads_of_two_sizes_are_compared_on_what_both_have(llama, tiny, tmp_path):
    """Models of one family pad their vocabularies to different sizes."""
    plain = AutoModelForCausalLM.from_pretrained(tiny)
    plain.resize_token_embeddings(264)
    plain.save_pretrained(tmp_path)
    llama.tokenizer.save_pretrained(tmp_path)
    padded = CausalLM.load(tmp_path)
    rule = Rule((Stream(1.0), Stream(-0.5, padded)))
    assert Running(rule, llama, [Prompt("x")]).scores().shape == (1, 258)
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == 264
