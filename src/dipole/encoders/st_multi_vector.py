"""Folders of encoders with a vector for each token: of PyLate, sentence-transformers, Stanford.

PyLate and `MultiVectorEncoder` write modules (transformer, dense layers); they differ in where the
settings stand. Stanford's ColBERT writes one model with a `linear.weight`, and `artifact.metadata`.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from dipole.data.inputs import whole_number
from dipole.encoders.folder import read_json, read_weights, require, write_json
from dipole.encoders.st_folder import (
    MODEL_CONFIG,
    TRANSFORMER_CONFIG,
    Settings,
    read_model_config,
    read_modules,
    read_prompts,
    read_transformer_config,
)
from dipole.encoders.st_modules import Dense, read_module, write_module
from dipole.errors import InputError
from dipole.showing import short

# What a new encoder has, as in PyLate: tokens before the text, lengths, tokens not compared.
PREFIXES = ("[Q] ", "[D] ")
QUERY_LENGTH, DOCUMENT_LENGTH = 32, 180
PUNCTUATION = tuple(string.punctuation)
# What their modules call the vectors of tokens.
_TOKENS = "token_embeddings"
# The tensor of Stanford's projection, and the file with its settings.
LINEAR, _METADATA = "linear.weight", "artifact.metadata"
# Settings of sentence-transformers' Transformer that are read here.
_LENGTHS = ("query_length", "document_length", "query_expansion")


@dataclass
class MultiVectorSettings(Settings):
    """What a folder says beside transformer and tokenizer. None: it does not say, the default.

    prefixes: a token for queries and one for documents, behind the first; "" is none.
    """

    is_new: bool = False  # a plain transformer: its projection is still to be made
    prefixes: tuple[str, str] = PREFIXES
    query_length: int | None = QUERY_LENGTH
    document_length: int | None = DOCUMENT_LENGTH
    skiplist_words: list[str] = field(default_factory=lambda: list(PUNCTUATION))
    query_expansion: bool = True
    attend_to_expansion: bool = False
    is_stanford: bool = False


def is_multi_vector(folder: Path) -> bool:
    """Whether a folder holds an encoder with a vector for each token, as far as its json says."""
    if (folder / "modules.json").is_file():
        path = folder / MODEL_CONFIG
        said = read_json(path) if path.is_file() else {}
        if isinstance(said, dict) and said.get("model_type") in ("ColBERT", "MultiVectorEncoder"):
            return True
        listed = read_json(folder / "modules.json")
        types = [m.get("type") for m in listed if isinstance(m, dict)] if listed else []
        return any(str(kind).startswith("pylate.") for kind in types)
    path = folder / "config.json"
    config = read_json(path) if path.is_file() else {}
    return isinstance(config, dict) and "HF_ColBERT" in (config.get("architectures") or [])


def read_multi_vector(folder: Path) -> MultiVectorSettings:
    """The settings of a folder; one that says none is a plain transformer, with the defaults.

    Raises:
        InputError: modules or settings that are not known here, by name.
    """
    if not is_multi_vector(folder):
        place = folder
        if (folder / "modules.json").is_file():  # of single vectors: its transformer alone
            listed = read_modules(folder)
            place = next((path for kind, path in listed if kind == "Transformer"), folder)
        return MultiVectorSettings(transformer=place, is_new=True)
    if not (folder / "modules.json").is_file():
        return _stanford(folder)
    modules = read_modules(folder, ("sentence_transformers", "pylate"))
    kinds = [kind for kind, _ in modules]
    dense = [(kind, place) for kind, place in modules if kind == "Dense"]
    rest = [kind for kind in kinds[1:] if kind != "Dense"]
    is_theirs = rest in (["MultiVectorMask", "Normalize"], ["Normalize", "MultiVectorMask"])
    if kinds[:1] != ["Transformer"] or not dense or not (is_theirs or not rest):
        raise InputError(
            f"{folder / 'modules.json'}: modules {', '.join(kinds) or 'none'}; expected a "
            "Transformer and Dense, alone (PyLate) or with MultiVectorMask and Normalize"
        )
    found = MultiVectorSettings(transformer=modules[0][1], whole=True)
    found.after = [read_module(kind, place, _TOKENS if is_theirs else _any(place))
                   for kind, place in dense]  # fmt: skip
    read_prompts(folder / MODEL_CONFIG, found)
    config = next(iter(sorted(found.transformer.glob(TRANSFORMER_CONFIG))), None)
    if config is not None:
        read_transformer_config(config, found, elsewhere=_LENGTHS)
    if is_theirs:
        said = read_json(config) if config is not None else {}
        mask = next(place for kind, place in modules if kind == "MultiVectorMask")
        _of_sentence_transformers(found, said, config or folder, mask / "config.json")
    else:
        _of_pylate(found, read_model_config(folder / MODEL_CONFIG), folder / MODEL_CONFIG)
    return found


def write_multi_vector(
    folder: Path,
    *,
    after: Sequence[nn.Module],
    max_length: int,
    prefixes: tuple[str, str],
    query_length: int,
    document_length: int,
    skiplist_words: Sequence[str],
    query_expansion: bool,
    attend_to_expansion: bool,
    prompts: dict[str, str],
    default_prompt: str | None = None,
) -> None:
    """Everything beside transformer and tokenizer, which stand in the folder's root, as PyLate
    writes it; `MultiVectorEncoder` of sentence-transformers reads it too."""
    modules = [("", "sentence_transformers.models.Transformer")]
    for number, module in enumerate(after, start=1):
        modules.append((f"{number}_Dense", "pylate.models.Dense.Dense"))
        write_module(module, folder / modules[-1][0])
        config = read_json(folder / modules[-1][0] / "config.json")
        write_json(folder / modules[-1][0] / "config.json", {"use_residual": False} | config)
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": kind}
        for i, (path, kind) in enumerate(modules)
    ]
    write_json(folder / "modules.json", listed)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False}
    )
    write_json(
        folder / MODEL_CONFIG,
        {
            "model_type": "ColBERT",
            "prompts": prompts,
            "default_prompt_name": default_prompt,
            "similarity_fn_name": "MaxSim",
            "query_prefix": prefixes[0],
            "document_prefix": prefixes[1],
            "query_length": query_length,
            "document_length": document_length,
            "attend_to_expansion_tokens": attend_to_expansion,
            "skiplist_words": list(skiplist_words),
            "do_query_expansion": query_expansion,
        },
    )


def _any(place: Path) -> str:
    """PyLate's dense layers are of tokens, whatever name their config has kept."""
    config = read_json(place / "config.json")
    return (isinstance(config, dict) and config.get("module_input_name")) or _TOKENS


def _of_pylate(found: MultiVectorSettings, said: dict[str, Any], path: Path) -> None:
    first, second = PREFIXES
    found.prefixes = (
        _text(said.get("query_prefix", first), path, "query_prefix"),
        _text(said.get("document_prefix", second), path, "document_prefix"),
    )
    for name in ("query_length", "document_length"):
        if said.get(name) is not None:
            setattr(found, name, whole_number(said[name], f"{path}: {name}"))
    if said.get("skiplist_words") is not None:
        found.skiplist_words = _words(said["skiplist_words"], path)
    found.query_expansion = _flag(said.get("do_query_expansion"), True, path, "do_query_expansion")
    attends = _flag(said.get("attend_to_expansion_tokens"), False, path,
                    "attend_to_expansion_tokens")  # fmt: skip
    found.attend_to_expansion = attends and found.query_expansion


def _of_sentence_transformers(
    found: MultiVectorSettings, said: dict[str, Any], path: Path, mask: Path
) -> None:
    found.prefixes = ("", "")  # they stand in the prompts
    found.query_length = said.get("query_length")
    found.document_length = said.get("document_length")
    for name in ("query_length", "document_length"):
        if getattr(found, name) is not None:
            whole_number(getattr(found, name), f"{path}: {name}")
    expansion = said.get("query_expansion")
    found.query_expansion = expansion is not None
    if expansion is not None:
        if (
            not isinstance(expansion, dict)
            or expansion.get("strategy") != "fixed"
            or expansion.get("token")
        ):
            raise InputError(
                f"{path}: query_expansion is {short(expansion)}; expected strategy fixed, with the "
                "mask token"
            )
        found.query_length = whole_number(expansion.get("length"), f"{path}: length")
        found.attend_to_expansion = _flag(expansion.get("attend"), False, path, "attend")
    settings = read_json(mask)
    if not isinstance(settings, dict):
        raise InputError(f"{mask}: found {short(settings)}; expected the settings of its module")
    if settings.get("skiplist_tasks") not in (None, ["document"]) or settings.get(
        "keep_only_token_ids"
    ):
        raise InputError(
            f"{mask}: drops other tokens than the skiplist's of documents; expected skiplist_tasks "
            "document and no keep_only_token_ids"
        )
    found.skiplist_words = _words(settings.get("skiplist_words") or [], mask)


def _stanford(folder: Path) -> MultiVectorSettings:
    """The projection of a model without bias, and `artifact.metadata`; without it [unused0] and
    [unused1], as the authors' code has it."""
    path = folder / _METADATA
    said = read_json(path) if path.is_file() else {}
    if not isinstance(said, dict):
        raise InputError(f"{path}: found {short(said)}; expected the settings of a ColBERT")
    if said.get("similarity", "cosine") != "cosine":
        raise InputError(f"{path}: similarity is {short(said['similarity'])}; expected cosine")
    weights = read_weights(require(folder, "model.safetensors"))
    if LINEAR not in weights:
        raise InputError(f"{folder / 'model.safetensors'}: no {LINEAR}; expected a ColBERT")
    out, size = weights[LINEAR].shape
    dense = Dense(size, out, bias=False, activation_function=nn.Identity())
    dense.load_state_dict({LINEAR: weights[LINEAR].float()})
    found = MultiVectorSettings(transformer=folder, after=[dense.eval()], is_stanford=True)
    found.prefixes = (
        _text(said.get("query_token_id", "[unused0]"), path, "query_token_id"),
        _text(said.get("doc_token_id", "[unused1]"), path, "doc_token_id"),
    )
    for name, theirs in (("query_length", "query_maxlen"), ("document_length", "doc_maxlen")):
        if said.get(theirs) is not None:
            setattr(found, name, whole_number(said[theirs], f"{path}: {theirs}"))
    if not _flag(said.get("mask_punctuation"), True, path, "mask_punctuation"):
        found.skiplist_words = []
    found.attend_to_expansion = _flag(said.get("attend_to_mask_tokens"), False, path,
                                      "attend_to_mask_tokens")  # fmt: skip
    return found


def _text(value: Any, path: Path, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{path}: {name} is {short(value)}; expected a token")
    return value


def _flag(value: Any, default: bool, path: Path, name: str) -> bool:
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InputError(f"{path}: {name} is {short(value)}; expected true or false")
    return value


def _words(value: Any, path: Path) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise InputError(f"{path}: skiplist_words are {short(value)}; expected a list of tokens")
    return list(value)
