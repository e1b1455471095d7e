"""The settings of a training as keyword arguments, for type checkers.

Written by `python -m dipole.training.document`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypedDict

from dipole.training.config import Tracker
from dipole.training.kinds import Kind
from dipole.training.schedule import Schedule


class FitSettings(TypedDict, total=False):
    """What `fit` takes beside its own arguments."""

    sources: list[Any]
    split: str
    resize: str | int | None
    split_seed: int
    anchor: str | None
    positive: str | None
    negative: list[str] | None
    score: str | None
    label: str | None
    on_bad_row: Literal["error", "skip"]
    wants: list[Kind]
    prompts: dict[Literal["query", "document"], str]
    encoder_options: dict[str, Any]
    adapter: Literal["lora", "prefix", "prompt", "bottleneck"] | None
    adapter_options: dict[str, Any]
    step: str | Any | None
    by_kind: dict[str, Any]
    combine: Literal["weights", "uncertainty", "mgda", "cap"]
    temperature: str | float | None
    objective_options: dict[str, Any]
    matryoshka: list[int]
    view: list[str]
    view_options: dict[str, Any]
    parts: list[Any]
    mine: dict[str, Any]
    sampler: str
    sampler_options: dict[str, Any]
    stages: list[dict[str, Any]]
    locked: list[str]
    alternate: list[str]
    batch_size: int | None
    chunk: int | None
    epochs: float | None
    max_steps: int | None
    optimizer: str
    optimizer_options: dict[str, Any]
    learning_rate: float | None
    schedule: Schedule | None
    warmup: float
    weight_decay: str | float | None
    clip_norm: float | None
    sharded: bool
    precision: Literal["fp32", "bf16"] | None
    seed: int
    validation_measure: str | Callable[..., Any] | None
    validate_every: int | None
    patience: int | None
    checkpoint_every: int | None
    log_every: int
    track: list[Tracker]


class RecipeSettings(FitSettings, total=False):
    """What a recipe may say."""

    data: str
    encoder: str
    objective: str
    validation: str | None
