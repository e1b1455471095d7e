"""Fixtures of studies, which are in a file of their own."""

from support.studies import made_row, pairs_csv, settings
from support.tiny import pairs, tiny_encoder

__all__ = ["made_row", "pairs", "pairs_csv", "settings", "tiny_encoder"]
