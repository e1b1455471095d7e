"""The folder layout of sentence-transformers: which settings a TransformerText has in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from dipole.data.inputs import whole_number
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.pooling import check_pooling
from dipole.encoders.st_modules import read_module, write_module
from dipole.errors import InputError, note
from dipole.lookup import nearest
from dipole.showing import short

# Our pooling -> their name since version 6, and their older flag, in the order in which they join
# the vectors of several flags.
_THEIRS = {
    "cls": ("cls", "pooling_mode_cls_token"),
    "max": ("max", "pooling_mode_max_tokens"),
    "mean": ("mean", "pooling_mode_mean_tokens"),
    "mean_sqrt_len": ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
    "weighted_mean": ("weightedmean", "pooling_mode_weightedmean_tokens"),
    "last": ("lasttoken", "pooling_mode_lasttoken"),
}
_POOLING_SETTINGS = {"pooling_mode", "include_prompt"}
_POOLING_SETTINGS |= {"word_embedding_dimension", "embedding_dimension"}
# Transformer settings that their older versions wrote under the name of the architecture.
TRANSFORMER_CONFIG = "sentence_*_config.json"
# What else may stand there: what is so for every text encoder, or changes none of its vectors.
_TRANSFORMER_SETTINGS: dict[str, Sequence[Any]] = {
    "module_output_name": ("token_embeddings", None),
    "processing_kwargs": ({}, None),
    "unpad_inputs": (False, True, None),
    "query_length": (None,),
    "document_length": (None,),
    "query_expansion": (None,),
}
# Of the arguments for loading model, tokenizer and config (kwargs, formerly args).
_HARMLESS = {"trust_remote_code", "padding_side", "attn_implementation", "torch_dtype", "dtype"}
# Their task of a Transformer -> what its `forward` gives of a text.
_TASKS = {"feature-extraction": "last_hidden_state", "fill-mask": "logits"}
# After the pooling; their order is free.
_AFTER = ("Dense", "LayerNorm", "Normalize")
# Old names: every version of sentence-transformers reads them.
_TYPES = "sentence_transformers.models."
MODEL_CONFIG = "config_sentence_transformers.json"


@dataclass
class Settings:
    """What a folder says beside the transformer and its tokenizer."""

    transformer: Path
    pooling: str = "mean"
    normalize: bool = True
    max_length: int | None = None
    lower_case: bool = False
    prompts: dict[str, str] = field(default_factory=dict)
    # Prompts of other names than the two roles', and the one their `encode` puts before everything.
    other_prompts: dict[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    # Modules between pooling and normalisation, and how many numbers of a vector are kept.
    after: list[nn.Module] = field(default_factory=list)
    truncate_dim: int | None = None
    whole: bool = False  # written as a model: every tensor in it has a place


def read_settings(folder: Path) -> Settings:
    """The settings of a folder; one without modules.json is a plain Hugging Face model."""
    if not (folder / "modules.json").is_file():
        return Settings(transformer=folder)
    modules = read_modules(folder)
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or any(kind not in _AFTER for kind in kinds[2:]):
        raise InputError(
            f"{folder / 'modules.json'}: modules {', '.join(kinds) or 'none'}; expected "
            f"Transformer, Pooling and possibly {', '.join(_AFTER)}"
        )
    normalize = kinds[-1] == "Normalize"
    transformer = modules[0][1]
    found = Settings(
        transformer=transformer,
        normalize=normalize,
        after=[read_module(kind, path) for kind, path in modules[2 : -1 if normalize else None]],
        whole=True,
    )
    read_prompts(folder / MODEL_CONFIG, found)
    for path in sorted(transformer.glob(TRANSFORMER_CONFIG))[:1]:
        read_transformer_config(path, found)
    found.pooling = _pooling(modules[1][1] / "config.json", found.prompts)
    return found


def write_settings(
    folder: Path,
    *,
    pooling: str,
    dim: int,
    normalize: bool,
    max_length: int,
    prompts: dict[str, str],
    default_prompt: str | None = None,
    after: Sequence[Any] = (),
    truncate_dim: int | None = None,
) -> None:
    """Everything beside the transformer and its tokenizer, which stand in the folder's root."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    for number, module in enumerate(after, start=2):
        modules.append((f"{number}_{module.kind}", module.kind))
        write_module(module, folder / modules[-1][0])
    if normalize:
        modules.append((f"{len(modules)}_Normalize", "Normalize"))
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": _TYPES + kind}
        for i, (path, kind) in enumerate(modules)
    ]
    parts = pooling.split("+")
    flags: dict[str, Any] = {flag: ours in parts for ours, (_, flag) in _THEIRS.items()}
    if parts != [ours for ours in _THEIRS if ours in parts]:  # flags have no order
        flags["pooling_mode"] = [_THEIRS[part][0] for part in parts]
    write_json(folder / "modules.json", listed)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False}
    )
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": dim, **flags, "include_prompt": True},
    )
    write_json(
        folder / MODEL_CONFIG,
        {
            "model_type": "SentenceTransformer",
            "prompts": prompts,
            "default_prompt_name": default_prompt,
            "similarity_fn_name": "cosine" if normalize else None,
            **({} if truncate_dim is None else {"truncate_dim": truncate_dim}),
        },
    )


def read_modules(
    folder: Path, packages: Collection[str] = ("sentence_transformers",)
) -> list[tuple[str, Path]]:
    """(kind, folder) of the modules in their order; code of the model's own is refused."""
    path = folder / "modules.json"
    try:
        listed = read_json(path)  # its order counts, as it does to them
        found = [(m["type"].rpartition("."), folder / m["path"], m.get("kwargs")) for m in listed]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: expected a list of modules with path and type") from None
    for (package, _, kind), _, arguments in found:
        if package.partition(".")[0] not in (*packages, ""):
            raise InputError(
                f"{path}: module {package}.{kind} is code of its own; expected modules of "
                + " or ".join(packages)
            )
        if arguments:
            raise InputError(f"{path}: {kind} has kwargs {short(arguments)}; expected none")
    return [(kind, place) for (_, _, kind), place, _ in found]


def read_model_config(path: Path) -> dict[str, Any]:
    """config_sentence_transformers.json, its truncate_dim and prompts checked; {} if there is none.

    The prompts come without those that are null.
    """
    config = read_json(path) if path.is_file() else {}
    if not isinstance(config, dict):
        raise InputError(f"{path}: found {short(config)}; expected the settings of a model")
    if config.get("truncate_dim") is not None:
        whole_number(config["truncate_dim"], f"{path}: truncate_dim")
    prompts = config.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(
        prompt is None or isinstance(prompt, str) for prompt in prompts.values()
    ):
        raise InputError(f"{path}: prompts are {short(prompts)}; expected names and texts")
    default = config.get("default_prompt_name")
    if default is not None and default not in prompts:
        hint = nearest(str(default), prompts) if prompts else "the folder has no prompts"
        raise InputError(f"{path}: default_prompt_name is {short(default)}; {hint}")
    given = {name: prompt for name, prompt in prompts.items() if prompt is not None}
    return config | {"prompts": given}


def read_prompts(path: Path, found: Settings) -> None:
    """Prompts by role; a model older than roles has one default prompt for both."""
    config = read_model_config(path)
    found.truncate_dim = config.get("truncate_dim")
    saved, name = config.get("prompts", {}), config.get("default_prompt_name")
    default = saved.get(name, "")
    names = {"query": ("query",), "document": ("document", "passage", "corpus")}
    chosen = {role: next((n for n in keys if n in saved), None) for role, keys in names.items()}
    found.prompts = {r: default if n is None else saved[n] for r, n in chosen.items()}
    found.other_prompts = {n: p for n, p in saved.items() if n not in names}
    found.default_prompt = name
    without = [role for role, n in chosen.items() if n is None]
    if default and without:
        note(f"{path}: its default prompt {short(name)} is put before every "
             f"{' and '.join(without)}, which have none of their own")  # fmt: skip
    elif default and set(found.prompts.values()) != {default}:
        note(f"{path}: its default prompt {short(name)} is not used: query and document have "
             "prompts of their own")  # fmt: skip


def read_transformer_config(
    path: Path,
    found: Settings,
    task: str = "feature-extraction",
    elsewhere: Collection[str] = (),
) -> None:
    """The longest text and its case; what no encoder here can do is refused by its name, but for
    settings that are read `elsewhere`."""
    plain = {"method": "forward", "method_output_name": _TASKS[task]}
    config = read_json(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: found {short(config)}; expected the settings of a Transformer")
    if config.get("max_seq_length") is not None:
        found.max_length = whole_number(config["max_seq_length"], f"{path}: max_seq_length")
    found.lower_case = config.get("do_lower_case") or False
    if not isinstance(found.lower_case, bool):
        raise InputError(f"{path}: do_lower_case is {short(found.lower_case)}; expected true or "
                         "false")  # fmt: skip
    for name, value in config.items():
        if name in ("max_seq_length", "do_lower_case", *elsewhere):
            continue
        if name.endswith("args") and isinstance(value, dict):
            value = {key: part for key, part in value.items() if key not in _HARMLESS}
        if name == "transformer_task":
            allowed: Sequence[Any] = (task,)
        elif name == "modality_config" and isinstance(value, dict) and "message" not in value:
            allowed = (value,) if value.get("text") == plain else ()
        else:
            allowed = _TRANSFORMER_SETTINGS.get(name, ({}, None) if name.endswith("args") else ())
        if value not in allowed:
            raise InputError(f"{path}: {name} is {short(value)}, which no encoder here can do; "
                             "expected a folder without it")  # fmt: skip


def _pooling(path: Path, prompts: dict[str, str]) -> str:
    config = read_json(path)
    flags = {theirs[1] for theirs in _THEIRS.values()}
    if not isinstance(config, dict):
        raise InputError(f"{path}: found {short(config)}; expected the settings of Pooling")
    if unknown := sorted(config.keys() - flags - _POOLING_SETTINGS):
        raise InputError(f"{path}: {unknown[0]} is no setting of Pooling known here")
    found = config.get("pooling_mode")
    if found is None:
        found = [theirs for theirs, flag in _THEIRS.values() if config.get(flag) is True]
    names = [found] if isinstance(found, str) else found or ["mean"]
    if config.get("include_prompt") is False and any(prompts.values()):
        raise InputError(f"{path}: include_prompt is false; expected true, or no prompts")
    ours = {theirs: name for name, (theirs, _) in _THEIRS.items()}
    if not isinstance(names, list) or any(name not in ours for name in names):
        raise InputError(f"{path}: pooling {short(found)}; expected some of {', '.join(ours)}")
    return check_pooling("+".join(ours[name] for name in names))
