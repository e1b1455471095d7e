"""A tiny language model for the tests of this room."""

import pytest

from support.tiny_llama import save_tiny_llama


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a random Llama that reads bytes, 96 tokens at most."""
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))
