"""The bench of writing: a small language model that learns docstrings from nothing, and goes on
where those of other modules begin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from dipole.data import Examples, load_pairs
from dipole.data.examples import Inputs
from dipole.encoders.base import Encoder
from dipole.encoders.evaluating import evaluating
from dipole.encoders.precision import Precision
from dipole.errors import InputError, optional
from dipole.evaluation.generation import diversity, isotropy
from dipole.language.causal import CausalLM
from dipole.language.decoding import generate
from dipole.language.decoding.methods import ContrastiveSearch, Greedy
from dipole.language.likelihoods import log_likelihoods
from dipole.studies.bench import Bench
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN
from dipole.studies.measures import Measured, Trained

# Docstrings of this many characters or more; those that are gone on from, the characters that are
# given of each, and the tokens that are written.
LEAST, PROMPTS, GIVEN, WRITTEN = 60, 100, 30, 30
TOKENS, VOCABULARY, END = 48, 1024, "<|end|>"


class TinyLM(CausalLM):
    """A Llama of random weights over byte pairs made of the texts that it is to learn."""

    dtype: Precision = "float32"

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        dim: int = 64,
        layers: int = 2,
        vocabulary: int = VOCABULARY,
        answer_after: str = "",
    ) -> Encoder:
        """A new one, of about 0.15 million weights; answer_after: as `CausalLM.load` has it."""
        transformers = optional("transformers", "text")
        tokenizer = byte_pairs([str(text) for text in inputs[0]], vocabulary)
        config = transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=dim,
            intermediate_size=2 * dim,
            num_hidden_layers=layers,
            num_attention_heads=max(1, dim // 32),
            max_position_embeddings=TOKENS,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
        made = cls(transformers.LlamaForCausalLM(config), tokenizer)
        made.answer_after = answer_after
        return made


def byte_pairs(texts: Sequence[str], size: int) -> Any:
    """A fast tokenizer of at most `size` byte pairs, with an end of text."""
    tokenizers = optional("tokenizers", "text")
    transformers = optional("transformers", "text")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, pad_token=END)


@cache
def rows(split: str, quick: bool = False) -> Examples:
    """Docstrings of Python's library of 60 characters or more, each once; of other modules to test
    on."""
    found = load_pairs("stdlib-code", split=split)
    texts = list(dict.fromkeys(str(x) for x in found.column("anchor") if len(str(x)) >= LEAST))
    few = QUICK_TRAIN if split == "train" else QUICK_TEST
    return Inputs.from_columns({"input": texts[:few] if quick else texts})


def known_rows(split: str, quick: bool = False) -> Examples:
    """The same test, whose texts are trained on."""
    return rows("test", quick)


def writing(model: Trained) -> Measured:
    """How well a language model foresees the test texts, what it writes, and how alike its states
    are.

    log-likelihood  of a token of each text, in nats
    token cosine    mean cosine of the last states of two tokens of a text
    diversity       of what greedy search writes where each of 100 texts begins, and `contrastive
                    diversity` with contrastive search (k 5, alpha 0.6), in points
    """
    encoder = model.encoder
    if not isinstance(encoder, CausalLM):
        raise InputError(f"writing: found {type(encoder).__name__}; expected a language model")
    texts = [str(text) for text in model.test.column("input")]
    sums, counts = log_likelihoods(encoder, texts)
    starts = [text[:GIVEN] for text in texts[:PROMPTS]]
    found: dict[str, np.ndarray | float] = {
        "log-likelihood": sums / counts,
        "token cosine": 1 - isotropy(_states(encoder, texts[:PROMPTS])),
    }
    for name, method in (
        ("diversity", Greedy()),
        ("contrastive diversity", ContrastiveSearch(k=5, alpha=0.6)),
    ):
        made = generate(encoder, starts, method, max_new_tokens=WRITTEN, batch_size=100)
        # One word or none, without a space, is the same again and again.
        each = np.array([diversity([one.text]) for one in made])
        found[name] = 100 * np.nan_to_num(each)
    return found


def single_tokens(train: Examples, test: Examples) -> np.ndarray:
    """The log-likelihood of a token if none is foreseen by those before it: by their counts, one
    added to each."""
    texts, others = ([str(text) for text in one.column("input")] for one in (train, test))
    tokenizer = byte_pairs(texts, VOCABULARY)
    counts = np.ones(len(tokenizer))
    for ids in tokenizer(texts)["input_ids"]:
        np.add.at(counts, ids, 1)
    logps = np.log(counts / counts.sum())
    read = tokenizer(others)["input_ids"]
    return np.array([logps[ids[1:TOKENS]].mean() for ids in read])


@torch.no_grad()
def _states(encoder: CausalLM, texts: Sequence[str]) -> list[np.ndarray]:
    """The last states of the tokens of every text, (t, d) each."""
    shown = evaluating(encoder).outputs(encoder.prepare(texts), ("tokens", "mask"))
    pairs = zip(shown["tokens"], shown["mask"], strict=True)
    return [tokens[mask].double().numpy() for tokens, mask in pairs]


BENCH = Bench(
    id="writing",
    about=(
        "2,000 docstrings of Python's own library, 300 batches of 32; a Llama of 2 layers that"
        " starts from nothing; how well it foresees the tokens of those of other modules"
    ),
    data=f"{__name__}:rows",
    settings={
        "encoder": f"{__name__}:TinyLM", "batch_size": 32, "max_steps": 300,
        "learning_rate": 3e-3, "schedule": "linear", "warmup": 0.1, "precision": "fp32",
    },
    measures=(f"{__name__}:writing",),
    metric="log-likelihood",
    delta=0.02,
    trivial=f"{__name__}:single_tokens",
    baseline={"objective": "next-token"},
    ceiling={"objective": "next-token", "data": f"{__name__}:known_rows"},
)  # fmt: skip
