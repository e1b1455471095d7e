"""Losses of pairs with a score: how much they belong together."""
