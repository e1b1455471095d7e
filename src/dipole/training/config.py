"""The settings of a run: one model for the command line, a recipe file and Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError, field_serializer, field_validator

from dipole.courses import checked_course
from dipole.data.options import Settings, wrong_value
from dipole.errors import InputError
from dipole.lookup import close_to, is_place, nearest, plugins
from dipole.training.formats import PYTHON, check_former
from dipole.training.kinds import Kind
from dipole.training.naming import PARTS
from dipole.training.schedule import Schedule

# An encoder chosen by the data (automatic.py).
AUTO = "auto"
Tracker = Literal["tensorboard", "wandb", "trackio"]


class Config(Settings):
    """Everything that decides a run; written to RUN/config.yaml."""

    model_config = ConfigDict(validate_assignment=True)

    data: str = Field(
        description="File (jsonl, csv, tsv, parquet, npz), folder, data set name, hub id, or "
        "your own function (file.py:name)."
    )
    sources: list[Any] = Field(
        default_factory=list,
        description="Another data set to train on, with its own columns, objective and share of "
        "the batches: sts.csv:objective=cosent,share=0.3. Repeatable.",
        json_schema_extra={"option": "--source", "metavar": "FILE:KEY=VALUE,..."},
    )
    split: str = Field("train", description="Split of the data set to train on.")
    resize: str | int | None = Field(
        None,
        description="Image size in pixels, 64 or 48x64 (height x width): images are scaled, then "
        "cropped to the centre. Default: unchanged.",
    )
    split_seed: int = Field(0, ge=0, description="Seed for data sets that are split at random.")
    anchor: str | None = Field(None, description="Column with the anchors.")
    positive: str | None = Field(
        None,
        description="Column with the positives; with --wants modalities, several columns "
        "separated by commas.",
    )
    negative: list[str] | None = Field(None, description="Column with hard negatives; repeatable.")
    score: str | None = Field(
        None, description="Column with similarity scores, for objectives such as cosent."
    )
    label: str | None = Field(
        None,
        description="Column with class labels, for objectives such as supcon; the texts "
        "are in --anchor.",
    )
    on_bad_row: Literal["error", "skip"] = Field(
        "error", description="What to do with rows that cannot be used: error (stop) or skip."
    )
    wants: list[Kind] = Field(
        default_factory=list,
        description=f"Kind of data expected: {', '.join(get_args(Kind))}; repeatable if several "
        "will do. Default: detected.",
    )

    prompts: dict[Literal["query", "document"], str] = Field(
        default_factory=dict,
        description="Text to put before each input, 'query=\"Find: \"' or document=TEXT; use the "
        "same when you encode. A source may have its own. Repeatable.",
    )

    # `fit` makes it `auto` where neither a recipe nor the user says anything about the encoder:
    # what a recipe leaves out goes on meaning the same.
    encoder: str = Field(
        "static",
        description="auto (by the data: with few rows a pretrained model of this machine); static "
        "(text), conv, resnet or vit (images), all trained from scratch; towers (one encoder per "
        "modality: --encoder-option text=ENCODER); a model folder or hub id, lm:FOLDER (language "
        "model), or your class (file.py:Class). Default: auto; with a recipe, the recipe's own.",
        json_schema_extra={"default": "said"},
    )
    encoder_options: dict[str, Any] = Field(
        default_factory=dict, description="Encoder setting, KEY=VALUE; repeatable."
    )
    adapter: Literal["lora", "prefix", "prompt", "bottleneck"] | None = Field(
        None,
        description="Freeze the encoder and train only an adapter: lora, prefix, prompt or "
        "bottleneck.",
    )
    adapter_options: dict[str, Any] = Field(
        default_factory=dict, description="Adapter setting, KEY=VALUE; repeatable."
    )
    objective: str = Field(
        "infonce",
        description="Objective (loss): a name, a sum such as infonce + 0.1 * vicreg, or your own "
        "class (file.py:Class).",
    )
    step: str | Any | None = Field(
        None,
        description="Your own training step instead of an objective: file.py:Class, or with "
        "settings file.py:Class:KEY=VALUE,...",
    )
    by_kind: dict[str, Any] = Field(
        default_factory=dict,
        description="Objective for one kind of data, in --data and in each --source that does "
        "not name its own: graded=cosent or, with settings, 'graded={objective: "
        "cosent, temperature: 0.05}'. Repeatable.",
    )
    combine: Literal["weights", "uncertainty", "mgda", "cap"] = Field(
        "weights",
        description="How to combine several objectives (infonce + 0.1 * vicreg): weights (as "
        "given), uncertainty (learnt weights), mgda (common descent direction of "
        "their gradients), or cap (as given, the last never more than the others together).",
    )
    temperature: str | float | None = Field(
        None,
        description="Temperature of the objective: a number, or a schedule, cosine:START:END or "
        "linear:START:END. Default: the objective's own.",
    )
    objective_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Objective setting, KEY=VALUE; for one term of a sum, NAME.KEY=VALUE. "
        "Repeatable.",
    )

    matryoshka: list[int] = Field(
        default_factory=list,
        description="Also train vectors cut to these dimensions: 32,64,128. Add "
        "--objective-option matryoshka.layers=true to train a shallow layer as well.",
    )

    view: list[str] = Field(
        default_factory=list,
        description="View of examples that have no partner, by name or file.py:Class. "
        "Repeatable; NAME*4 adds four, and one view alone makes two renderings. For pairs: "
        "anchor=NAME, positive=NAME.",
    )
    view_options: dict[str, Any] = Field(
        default_factory=dict, description="View setting, KEY=VALUE; repeatable."
    )
    parts: list[Any] = Field(
        default_factory=list,
        description="Module between the encoder and the objective, with its settings: "
        f"queue:size=4096,holds=positive. One of {', '.join(PARTS)}, or your own "
        "(file.py:Class). Repeatable.",
        json_schema_extra={"option": "--part", "metavar": "NAME:KEY=VALUE,..."},
    )
    mine: dict[str, Any] = Field(
        default_factory=dict,
        description="Mine hard negatives for pairs before training, KEY=VALUE: source=bm25, "
        "encoder (the one being trained), a model or file.py:function; guide=MODEL; "
        "or any setting of dipole mine. Of a language model: source=self-samples. Repeatable.",
    )

    sampler: str = Field(
        "unique",
        description="How to compose batches: unique (no text twice), clusters or neighbours "
        "(similar rows, for hard negatives), apart (dissimilar rows), sources (one "
        "source per batch), shares (a fixed share of each source), classes (several "
        "rows per class), curriculum (easiest first), or your own function "
        "(file.py:name).",
    )
    sampler_options: dict[str, Any] = Field(
        default_factory=dict, description="Sampler setting, KEY=VALUE; repeatable."
    )
    stages: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Trainings to run one after another, each with its own settings (recipes "
        "only).",
    )

    locked: list[str] = Field(
        default_factory=list,
        description="Weights to freeze, by name prefix. If a whole tower is frozen (document, "
        "image), its vectors are computed only once. Repeatable.",
    )
    alternate: list[str] = Field(
        default_factory=list,
        description="Weights to train in turns, by name prefix (query, document, objective): one "
        "group per step, weights in no group train with the first. Repeatable.",
    )

    batch_size: int | None = Field(
        None,
        ge=1,
        description="Examples per step, summed over all processes. Default: the encoder's own.",
    )
    chunk: int | None = Field(
        None,
        ge=1,
        description="Encode each batch in pieces of this size: same gradient, less memory.",
    )
    epochs: float | None = Field(
        None, gt=0, description="Passes over the data. Default: the encoder's own."
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        description="Stop after this many steps instead of --epochs; with stages, steps per stage.",
    )
    optimizer: str = Field(
        "adamw",
        description="adamw, sgd, lars (for large batches), muon (for matrices; AdamW for the "
        "rest), or your own class (file.py:Class).",
    )
    optimizer_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Optimiser setting, such as momentum=0.9; repeatable.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Peak learning rate. Default: the encoder's own."
    )
    schedule: Schedule | None = Field(
        None,
        description="Learning rate decay after the warm-up: linear, cosine or constant. Default: "
        "the encoder's own.",
    )
    warmup: float = Field(
        0.1,
        ge=0,
        description="Length of the warm-up: a number of steps or, below 1, a fraction "
        "of all steps.",
    )
    weight_decay: str | float | None = Field(
        None,
        description="Weight decay for matrices: a number, or a schedule, cosine:START:END or "
        "linear:START:END. Default: the optimiser's own.",
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="Clip the gradient to this norm; 0 turns clipping off."
    )
    sharded: bool = Field(
        False,
        description="Shard weights, gradients and optimiser state across processes (FSDP).",
    )
    precision: Literal["fp32", "bf16"] | None = Field(
        None,
        description="Precision of the encoder's arithmetic: fp32 or bf16. Default: the encoder's "
        "own; for transformers, bf16 where this processor runs it faster.",
    )
    seed: int = Field(0, ge=0, description="Seed for everything random.")

    validation: str | None = Field(
        None,
        description="Validation data: a file, a split of the data set, a fraction of the rows to "
        "hold out, or your own function (file.py:name).",
    )
    validation_measure: str | Callable[..., Any] | None = Field(
        None,
        description="Your own measure for --validation: a function of (encoder, examples), higher "
        "is better (file.py:function). Default: by the kind of data.",
    )
    validate_every: int | None = Field(
        None, ge=1, description="Steps between validations. Default: once per epoch."
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after this many validations without improvement."
    )
    checkpoint_every: int | None = Field(
        None, ge=1, description="Steps between checkpoints. Default: one every 100 s of training."
    )
    log_every: int = Field(10, ge=1, description="Steps between lines in metrics.jsonl.")
    track: list[Tracker] = Field(
        default_factory=list, description="Also log to tensorboard, wandb or trackio; repeatable."
    )

    @field_validator("matryoshka", mode="before")
    @classmethod
    def _with_commas(cls, value: Any) -> Any:
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list):
            return value
        parts = [word.split(",") if isinstance(word, str) else [word] for word in words]
        return [size for part in parts for size in part]

    @field_validator("parts", mode="before")
    @classmethod
    def _with_settings(cls, value: Any) -> Any:
        if not value:
            return []
        from dipole.training.parts.naming import entries

        return entries(value)

    @field_serializer("parts")
    def _as_recipe(self, value: list[Any]) -> list[Any]:
        if not value:
            return []
        from dipole.training.parts.naming import described

        return described(value)

    @field_validator("step", mode="before")
    @classmethod
    def _of_a_place(cls, value: Any) -> Any:
        if value is None:
            return None
        from dipole.training.parts.naming import read
        from dipole.training.steps import Step

        if isinstance(value, Step):
            return value
        name, settings = read(value, "step", "file.py:Class:KEY=VALUE")
        return {name: settings}

    @field_serializer("step")
    def _step_as_recipe(self, value: Any) -> Any:
        if value is None or isinstance(value, dict):
            return value
        from dipole.training.parts.naming import shown

        return PYTHON + shown(value)

    @field_validator("sources", mode="before")
    @classmethod
    def _with_own_settings(cls, value: Any) -> Any:
        if not value:
            return []
        from dipole.training.entries import entries

        return entries(value)

    @field_serializer("validation_measure")
    def _measure_by_name(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        from dipole.training.own_measure import stored

        return stored(value)

    @field_serializer("sources")
    def _as_files(self, value: list[Any]) -> list[Any]:
        if not value:
            return []
        from dipole.training.entries import described

        return described(value)

    @field_validator("by_kind")
    @classmethod
    def _of_kinds(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not value:
            return value
        from dipole.training.entries import check_kinds

        return check_kinds(value)

    @field_serializer("stages")
    def _stages_without_objects(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not value:
            return []
        from dipole.training.entries import without_objects

        return [without_objects(stage) for stage in value]

    @field_serializer("by_kind")
    def _kinds_without_objects(self, value: dict[str, Any]) -> dict[str, Any]:
        if not value:
            return {}
        from dipole.training.entries import without_objects

        return {
            kind: without_objects(own) if isinstance(own, dict) else own
            for kind, own in value.items()
        }

    @field_validator("validation", mode="before")
    @classmethod
    def _fraction_as_text(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else value

    @field_validator("negative", "wants", "view", "locked", "alternate", "track", mode="before")
    @classmethod
    def _one_of_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("sampler")
    @classmethod
    def _is_a_sampler(cls, value: str) -> str:
        if value == "unique" or is_place(value):
            return value
        from dipole.training.samplers import SAMPLERS

        known = [*SAMPLERS, *plugins("sampler")]
        if value in known:
            return value
        raise ValueError(nearest(value, known, "file.py:name"))

    @field_validator("temperature", "weight_decay", mode="before")
    @classmethod
    def _may_change(cls, value: Any, info: Any) -> Any:
        return checked_course(info.field_name, value, above=info.field_name == "temperature")

    @field_validator("clip_norm", mode="before")
    @classmethod
    def _zero_is_none(cls, value: Any) -> Any:
        return None if value in (0, "0") else value


def make_config(**settings: Any) -> Config:
    """A checked `Config`; what is wrong is said in one line."""
    stages = settings.get("stages")
    if isinstance(stages, list) and stages and isinstance(stages[0], dict) and "data" in stages[0]:
        settings.setdefault("data", stages[0]["data"])
    check_former(settings)
    try:
        return Config(**settings)
    except ValidationError as error:
        raise InputError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"][:1]))
    if first["type"] == "extra_forbidden":
        known = list(Config.model_fields)
        hint = nearest(name, known) if close_to(name, known) else "see dipole train --help"
        return f"{name}: no such setting; {hint}"
    if first["type"] == "missing":  # nothing else is required
        return (
            "data: none given; expected a file, a folder, the name of a data set, a hub id or "
            "file.py:function"
        )
    if isinstance(said := first.get("ctx", {}).get("error"), InputError):
        return str(said)
    return wrong_value(Config, first)
