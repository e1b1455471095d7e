"""Objectives of language models: log-probabilities of answers under policy and reference in."""
