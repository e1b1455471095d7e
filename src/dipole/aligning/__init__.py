"""Alignment of what two sides have in common: words of parallel texts."""
