"""The tiny tower and its pairs."""

from support.tiny import pairs, tiny_encoder

__all__ = ["pairs", "tiny_encoder"]
