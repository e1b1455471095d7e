"""Text from language models: decoding rules, contrastive search, measures of what they write."""

from __future__ import annotations

from dipole.data.prompts import Prompt, load_prompts
from dipole.language.decoding.generate import Generated, generate
from dipole.language.decoding.methods import METHODS, Method, Sampled
from dipole.language.decoding.rule import Rule, Stream
from dipole.language.decoding.to_file import generate_to_file

__all__ = [
    "METHODS",
    "Generated",
    "Method",
    "Prompt",
    "Rule",
    "Sampled",
    "Stream",
    "generate",
    "generate_to_file",
    "load_prompts",
]
