"""The tiny tower and its pairs."""

import pytest
import torch

from support.tiny import TinyEncoder, load_tiny, word_pairs


@pytest.fixture
def tiny_encoder(monkeypatch):
    """A fresh tiny tower; runs made with it load again."""
    import dipole.encoders

    monkeypatch.setattr(dipole.encoders, "load_encoder", load_tiny)
    torch.manual_seed(0)
    return TinyEncoder()


@pytest.fixture(scope="session")
def pairs():
    """50 pairs of words that share letters."""
    return word_pairs(50)
