"""The folder layout of sentence-transformers: which settings a TransformerText has in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dipole.encoders.folder import read_json, write_json
from dipole.encoders.pooling import Pooling
from dipole.errors import InputError

# Our pooling -> their name since version 6, and their older flag.
_THEIRS: dict[Pooling, tuple[str, str]] = {
    "mean": ("mean", "pooling_mode_mean_tokens"),
    "cls": ("cls", "pooling_mode_cls_token"),
    "last": ("lasttoken", "pooling_mode_lasttoken"),
    "weighted_mean": ("weightedmean", "pooling_mode_weightedmean_tokens"),
}
_UNUSED_FLAGS = ("pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens")
# Transformer settings that their older versions wrote under the name of the architecture.
_TRANSFORMER_CONFIG = "sentence_*_config.json"
# Old names: every version of sentence-transformers reads them.
_TYPES = "sentence_transformers.models."


@dataclass
class Settings:
    """What a folder says beside the transformer and its tokenizer."""

    transformer: Path
    pooling: Pooling = "mean"
    normalize: bool = True
    max_length: int | None = None
    lower_case: bool = False
    prompts: dict[str, str] = field(default_factory=dict)


def read_settings(folder: Path) -> Settings:
    """The settings of a folder; one without modules.json is a plain Hugging Face model."""
    if not (folder / "modules.json").is_file():
        return Settings(transformer=folder)
    modules = _modules(folder)
    kinds = [kind for kind, _ in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise InputError(
            f"{folder / 'modules.json'}: modules {', '.join(kinds) or 'none'}; expected "
            "Transformer, Pooling and possibly Normalize"
        )
    transformer = modules[0][1]
    prompts = _prompts(folder)
    config: dict[str, Any] = {}
    for path in sorted(transformer.glob(_TRANSFORMER_CONFIG))[:1]:
        config = read_json(path)
    return Settings(
        transformer=transformer,
        pooling=_pooling(modules[1][1] / "config.json", prompts),
        normalize=len(kinds) == 3,
        max_length=config.get("max_seq_length"),
        lower_case=bool(config.get("do_lower_case")),
        prompts=prompts,
    )


def write_settings(
    folder: Path,
    *,
    pooling: Pooling,
    dim: int,
    normalize: bool,
    max_length: int,
    prompts: dict[str, str],
) -> None:
    """Everything beside the transformer and its tokenizer, which stand in the folder's root."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    if normalize:
        modules.append(("2_Normalize", "Normalize"))
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": _TYPES + kind}
        for i, (path, kind) in enumerate(modules)
    ]
    flags = {flag: ours == pooling for ours, (_, flag) in _THEIRS.items()}
    write_json(folder / "modules.json", listed)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False}
    )
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": dim,
            **flags,
            **dict.fromkeys(_UNUSED_FLAGS, False),
            "include_prompt": True,
        },
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "model_type": "SentenceTransformer",
            "prompts": prompts,
            "default_prompt_name": None,
            "similarity_fn_name": "cosine" if normalize else None,
        },
    )


def _modules(folder: Path) -> list[tuple[str, Path]]:
    path = folder / "modules.json"
    try:
        return [
            (m["type"].rsplit(".", 1)[-1], folder / m["path"])
            for m in sorted(read_json(path), key=lambda m: m["idx"])
        ]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: expected a list of modules with idx, path and type") from None


def _pooling(path: Path, prompts: dict[str, str]) -> Pooling:
    config = read_json(path)
    found = config.get("pooling_mode")
    if found is None:
        found = [k for k, on in config.items() if k.startswith("pooling_mode_") and on is True]
    names = [found] if isinstance(found, str) else list(found) or ["mean"]
    if config.get("include_prompt") is False and any(prompts.values()):
        raise InputError(f"{path}: include_prompt is false; expected true, or no prompts")
    for ours, theirs in _THEIRS.items():
        if len(names) == 1 and names[0] in theirs:
            return ours
    expected = ", ".join(name for name, _ in _THEIRS.values())
    raise InputError(f"{path}: pooling {' + '.join(names)}; expected one of {expected}")


def _prompts(folder: Path) -> dict[str, str]:
    """Prompts by role; a model older than roles has one default prompt for both."""
    path = folder / "config_sentence_transformers.json"
    config = read_json(path) if path.is_file() else {}
    saved = config.get("prompts") or {}
    default = saved.get(config.get("default_prompt_name") or "") or ""
    names = {"query": ("query",), "document": ("document", "passage", "corpus")}
    return {
        role: next((saved[key] for key in keys if key in saved), default) or ""
        for role, keys in names.items()
    }
