"""The tiny tower, its pairs, and files of two kinds."""

from support.sources import files
from support.tiny import pairs, tiny_encoder

__all__ = ["files", "pairs", "tiny_encoder"]
