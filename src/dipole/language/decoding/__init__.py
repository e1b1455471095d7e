"""Text from language models: decoding rules, contrastive search, measures of what they write."""

from __future__ import annotations

from dipole.data.prompts import Prompt, load_prompts
from dipole.language.decoding.generate import Generated, generate
from dipole.language.decoding.methods import METHODS, Method, Sampled
from dipole.language.decoding.rule import Rule, Stream

__all__ = [
    "METHODS",
    "Generated",
    "Method",
    "Prompt",
    "Rule",
    "Sampled",
    "Stream",
    "generate",
    "load_prompts",
]
