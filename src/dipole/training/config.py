"""The settings of a run: one model for the command line, a recipe file and Python."""

from __future__ import annotations

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

Tracker = Literal["tensorboard", "wandb", "trackio"]


class Config(Settings):
    """Everything that decides a run; written to RUN/config.yaml."""

    model_config = ConfigDict(validate_assignment=True)

    data: str = Field(
        description="File (jsonl, csv, tsv, parquet, npz), folder, data set name, hub id, or a "
        "function of your own, file.py:name."
    )
    sources: list[Any] = Field(
        default_factory=list,
        description="Other data to train on beside --data, as sts.csv:objective=cosent,share=0.3, "
        "with columns, an objective and a share of the batches of its own; repeatable.",
        json_schema_extra={"option": "--source", "metavar": "FILE:KEY=VALUE,..."},
    )
    split: str = Field("train", description="Split of the data set to train on.")
    resize: str | int | None = Field(
        None,
        description="Size of images in pixels, 64 or 48x64 (height x width): scaled, then cropped "
        "to the centre. Default: as they are.",
    )
    split_seed: int = Field(
        0, ge=0, description="Seed of the split, for a data set that is split by chance."
    )
    anchor: str | None = Field(None, description="Column of the anchors.")
    positive: str | None = Field(
        None, description="Column of the positives; several with commas (--wants modalities)."
    )
    negative: list[str] | None = Field(None, description="Column of hard negatives; repeatable.")
    score: str | None = Field(
        None, description="Column of scores, for graded pairs (a CoSENT-like objective)."
    )
    label: str | None = Field(
        None, description="Column of classes, for labelled texts in --anchor (supcon)."
    )
    on_bad_row: Literal["error", "skip"] = Field(
        "error", description="error, or skip: leave out rows that cannot be used."
    )
    wants: list[Kind] = Field(
        default_factory=list,
        description=f"Kind of data: {', '.join(get_args(Kind))}; repeatable where several will do. "
        "Detected if not given.",
    )

    prompts: dict[Literal["query", "document"], str] = Field(
        default_factory=dict,
        description="Text in front of what is trained on, 'query=\"Find: \"' or "
        "document=TEXT; give it with what you encode too. A source may have its own; repeatable.",
    )

    encoder: str = Field(
        "static",
        description="static (texts), conv, resnet, vit (images), all trained from scratch; towers "
        "(one per modality: --encoder-option text=ENCODER); a model folder, a hub id, or a class "
        "of your own, file.py:Class. If not given, by the data: static, conv or towers.",
        json_schema_extra={"default": "said"},
    )
    encoder_options: dict[str, Any] = Field(
        default_factory=dict, description="Setting of the encoder, KEY=VALUE; repeatable."
    )
    adapter: Literal["lora", "prefix", "prompt", "bottleneck"] | None = Field(
        None,
        description="Freeze the encoder and train an addition: lora, prefix, prompt, bottleneck.",
    )
    adapter_options: dict[str, Any] = Field(
        default_factory=dict, description="Setting of the adapter, KEY=VALUE; repeatable."
    )
    objective: str = Field(
        "infonce",
        description="Name of the objective, a sum: infonce + 0.1 * vicreg, or a class of your own, "
        "file.py:Class.",
    )
    step: str | Any | None = Field(
        None,
        description="A step of your own in the objective's place, file.py:Class, with settings "
        "file.py:Class:KEY=VALUE,...",
    )
    by_kind: dict[str, Any] = Field(
        default_factory=dict,
        description="Objective by kind of data, for --data and every --source that names none: "
        "graded=cosent, or settings, 'graded={objective: cosent, temperature: 0.05}'; repeatable.",
    )
    combine: Literal["weights", "uncertainty", "mgda"] = Field(
        "weights",
        description="How several objectives (infonce + 0.1 * vicreg) are one: by their weights, "
        "by learnt uncertainty, or by the common descent direction of their gradients.",
    )
    temperature: str | float | None = Field(
        None,
        description="Temperature of the objective, or how it changes, cosine:START:END or "
        "linear:START:END; "
        "its own default if not given.",
    )
    objective_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Setting of the objective, KEY=VALUE, in a sum NAME.KEY=VALUE; repeatable.",
    )

    matryoshka: list[int] = Field(
        default_factory=list,
        description="Dimensions at which the vectors are trained too: 32,64,128; a shallow layer "
        "by --objective-option matryoshka.layers=true.",
    )

    view: list[str] = Field(
        default_factory=list,
        description="View of examples without a partner, by name or file.py:Class; repeatable, "
        "NAME*4 is four of them, one alone is drawn twice. Of pairs: anchor=NAME, positive=NAME.",
    )
    view_options: dict[str, Any] = Field(
        default_factory=dict, description="Setting of the views, KEY=VALUE; repeatable."
    )
    parts: list[Any] = Field(
        default_factory=list,
        description="What stands between the encoder and the objective, as "
        f"queue:size=4096,holds=positive: {', '.join(PARTS)}, or one of your own (file.py:Class); "
        "repeatable.",
        json_schema_extra={"option": "--part", "metavar": "NAME:KEY=VALUE,..."},
    )
    mine: dict[str, Any] = Field(
        default_factory=dict,
        description="Find hard negatives for pairs first: source=bm25, encoder (the one that is "
        "trained), a model or file.py:function, guide=MODEL, and settings of dipole mine, "
        "KEY=VALUE; repeatable.",
    )

    sampler: str = Field(
        "unique",
        description="Who meets in a batch: unique (anyone, no text twice), clusters and neighbours "
        "(hard negatives), apart (unlike ones), sources (one at a time), shares (some "
        "of each source), classes (some of each), curriculum (the easiest first), or a function "
        "of your own, file.py:name.",
    )
    sampler_options: dict[str, Any] = Field(
        default_factory=dict, description="Setting of the sampler, KEY=VALUE; repeatable."
    )
    stages: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Trainings one after another, each with settings of its own (in a recipe).",
    )

    locked: list[str] = Field(
        default_factory=list,
        description="Weights to freeze, by name prefix; a whole tower (document, image): its "
        "vectors are computed once. Repeatable.",
    )
    alternate: list[str] = Field(
        default_factory=list,
        description="Weights to train in turns, by name prefix (query, document, objective): one "
        "group a step; the rest goes with the first. Repeatable.",
    )

    batch_size: int | None = Field(
        None,
        ge=1,
        description="Examples per step, all processes; the encoder's own if not given.",
    )
    chunk: int | None = Field(
        None, ge=1, description="Encode a batch in pieces of this size: same gradient, less memory."
    )
    epochs: float | None = Field(
        None, gt=0, description="Passes over the data; the encoder's own if not given."
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        description="Stop after this many steps instead of --epochs; with stages, each of them.",
    )
    optimizer: str = Field(
        "adamw",
        description="adamw, sgd, lars (large batches), muon (matrices; the rest AdamW), or a class "
        "of your own, file.py:Class.",
    )
    optimizer_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Setting of the optimiser, momentum=0.9; repeatable.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Peak learning rate; the encoder's own if not given."
    )
    schedule: Schedule | None = Field(
        None,
        description="Decay after the warm-up: linear, cosine, constant; the encoder's own if not "
        "given.",
    )
    warmup: float = Field(
        0.1, ge=0, description="Warm-up: steps, or below 1 the fraction of all steps."
    )
    weight_decay: str | float | None = Field(
        None,
        description="Weight decay of matrices, or how it changes, cosine:START:END or "
        "linear:START:END; the "
        "optimiser's own if not given.",
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="Clip the gradient to this norm; 0 for no clipping."
    )
    sharded: bool = Field(
        False,
        description="Several processes share weights, gradients and optimiser state (FSDP).",
    )
    precision: Literal["fp32", "bf16"] | None = Field(
        None,
        description="Arithmetic of the encoder; its own if not given (of a transformer bf16 where "
        "the processor computes it faster).",
    )
    seed: int = Field(0, ge=0, description="Seed of everything random.")

    validation: str | None = Field(
        None,
        description="A file, a split of the data set, a fraction of the rows held out, or a "
        "function of your own, file.py:name.",
    )
    validate_every: int | None = Field(
        None, ge=1, description="Steps between validations; once per epoch if not given."
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after this many validations without a better one."
    )
    checkpoint_every: int | None = Field(
        None, ge=1, description="Steps between checkpoints; every 100 s of work if not given."
    )
    log_every: int = Field(10, ge=1, description="Steps between lines of metrics.jsonl.")
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
