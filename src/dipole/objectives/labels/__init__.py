"""Losses of examples with a class, or a number in its place."""
