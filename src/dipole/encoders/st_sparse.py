"""The folder layout of sentence-transformers' `SparseEncoder`: a masked language model, pooled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipole.data.inputs import whole_number
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.st_folder import (
    MODEL_CONFIG,
    TRANSFORMER_CONFIG,
    Settings,
    read_model_config,
    read_modules,
    read_prompts,
    read_transformer_config,
)
from dipole.errors import InputError
from dipole.showing import short

# Names that every version with a SparseEncoder reads.
_TYPES = "sentence_transformers.sparse_encoder.models."
_POOLING = "1_SpladePooling"
# Their older module of a masked language model, and since 5.4 the one for every task.
_MODELS = ("MLMTransformer", "Transformer")
# What else stands in the config of their pooling, and changes no vector.
_HARMLESS = {"word_embedding_dimension", "embedding_dimension", "chunk_size"}


@dataclass
class SparseSettings(Settings):
    """What a folder says beside the masked language model and its tokenizer."""

    pooling: str = "max"
    max_active_dims: int | None = None


def read_sparse(folder: Path) -> SparseSettings:
    """The settings of a folder; one without modules.json is a plain Hugging Face model."""
    if not (folder / "modules.json").is_file():
        return SparseSettings(transformer=folder)
    modules = read_modules(folder)
    kinds = [kind for kind, _ in modules]
    if len(kinds) != 2 or kinds[0] not in _MODELS or kinds[1] != "SpladePooling":
        raise InputError(
            f"{folder / 'modules.json'}: modules {', '.join(kinds) or 'none'}; expected a "
            "Transformer or MLMTransformer, and SpladePooling"
        )
    found = SparseSettings(transformer=modules[0][1], whole=True)
    path = folder / MODEL_CONFIG
    read_prompts(path, found)
    found.max_active_dims = read_model_config(path).get("max_active_dims")
    if found.max_active_dims is not None:
        whole_number(found.max_active_dims, f"{path}: max_active_dims")
    for config in sorted(found.transformer.glob(TRANSFORMER_CONFIG))[:1]:
        read_transformer_config(config, found, "fill-mask")
    found.pooling = _pooling(modules[1][1] / "config.json")
    return found


def write_sparse(
    folder: Path,
    *,
    pooling: str,
    dim: int,
    max_length: int,
    max_active_dims: int | None,
    prompts: dict[str, str],
    default_prompt: str | None = None,
) -> None:
    """Everything beside the model and its tokenizer, which stand in the folder's root."""
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": _TYPES + kind}
        for i, (path, kind) in enumerate([("", _MODELS[0]), (_POOLING, "SpladePooling")])
    ]
    write_json(folder / "modules.json", listed)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False}
    )
    config = {"pooling_strategy": pooling, "activation_function": "relu"}
    write_json(folder / _POOLING / "config.json", config | {"word_embedding_dimension": dim})
    said: dict[str, Any] = {
        "model_type": "SparseEncoder",
        "prompts": prompts,
        "default_prompt_name": default_prompt,
        "similarity_fn_name": "dot",
    }
    if max_active_dims is not None:
        said["max_active_dims"] = max_active_dims
    write_json(folder / MODEL_CONFIG, said)


def _pooling(path: Path) -> str:
    config = read_json(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: found {short(config)}; expected the settings of SpladePooling")
    known = {"pooling_strategy": ("max", "sum"), "activation_function": ("relu",)}
    for name, value in config.items():
        if name in _HARMLESS:
            continue
        if name not in known:
            raise InputError(f"{path}: {name} is no setting of SpladePooling known here")
        if value not in known[name]:
            expected = " or ".join(known[name])
            raise InputError(f"{path}: {name} is {short(value)}; expected {expected}")
    return str(config.get("pooling_strategy", "max"))
