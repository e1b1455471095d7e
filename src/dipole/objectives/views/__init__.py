"""Losses of several views of an example."""
