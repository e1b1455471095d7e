"""Fixtures of studies, which are in a file of their own."""

from support.studies import made_row, pairs_csv, settings

__all__ = ["made_row", "pairs_csv", "settings"]
