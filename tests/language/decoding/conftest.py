"""Tiny language models: a Llama, an amateur of its vocabulary, a GPT-2."""

import pytest

from dipole.language.causal import CausalLM
from support.tiny_llama import byte_tokenizer, save_tiny_llama


@pytest.fixture(scope="session")
def amateur_folder(tmp_path_factory):
    return save_tiny_llama(tmp_path_factory.mktemp("amateur"), seed=1)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    """Another architecture: learnt positions, a norm of another name, 4 layers."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=258, n_embd=16, n_layer=4, n_head=2, n_positions=96, initializer_range=0.3,
        bos_token_id=257, eos_token_id=257,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return CausalLM.load(folder)


@pytest.fixture(scope="session")
def llama(tiny):
    return CausalLM.load(tiny)


@pytest.fixture(scope="session")
def amateur(amateur_folder):
    return CausalLM.load(amateur_folder)


@pytest.fixture(params=["llama", "gpt2"])
def model(request):
    return request.getfixturevalue(request.param)
