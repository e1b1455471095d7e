"""Losses of token vectors."""
