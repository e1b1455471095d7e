"""Causal language models: log-probabilities of answers, their templates, their references."""
