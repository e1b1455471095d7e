"""The folders of a StaticText: one of dipole, and two that sentence-transformers loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dipole.data.inputs import whole_number
from dipole.encoders.folder import read_json, read_weights, require, write_json, write_weights
from dipole.encoders.st_folder import MODEL_CONFIG, read_model_config, read_modules
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.text_hashing import HashedWords
from dipole.errors import InputError, note

if TYPE_CHECKING:
    from dipole.encoders.static_text import StaticText

# Old names: every version of sentence-transformers reads them.
_TYPES = "sentence_transformers.models."
# Their name of the table. A row times its token's weight stands there: they have no weights.
TABLE = "embedding.weight"


def is_portable(encoder: StaticText) -> bool:
    """Whether one table of token vectors says all there is to say."""
    return (
        isinstance(encoder.tokenizer, Pieces)
        and encoder.pooling == "linear"
        and len(encoder.token_weights) == 1
    )


def folded(encoder: StaticText, role: int = 0) -> Tensor:
    """Token vectors times the weights of a role, (tokens, dim)."""
    return encoder.vectors.detach() * encoder.token_weights.detach()[role][:, None]


def write_static(encoder: StaticText, folder: Path) -> None:
    """Weights, settings and tokenizer; for a portable encoder also what makes it one of theirs."""
    settings = encoder.settings() | {"dropout": encoder.dropout}
    write_json(folder / "config.json", settings)
    write_weights(folder / "model.safetensors", encoder.weights())
    if isinstance(encoder.tokenizer, Pieces):
        encoder.tokenizer.tokenizer.save(str(folder / "tokenizer.json"))
    if is_portable(encoder):
        write_modules(folder, _TYPES + "StaticEmbedding")


def write_router(encoder: StaticText, folder: Path) -> None:
    """A Router of sentence-transformers with a StaticEmbedding per role."""
    names = {role: f"{role}_0_StaticEmbedding" for role in ("query", "document")}
    for index, name in enumerate(names.values()):
        write_weights(folder / name / "model.safetensors", {TABLE: folded(encoder, index)})
        assert isinstance(encoder.tokenizer, Pieces)
        encoder.tokenizer.tokenizer.save(str(folder / name / "tokenizer.json"))
    write_json(
        folder / "router_config.json",
        {
            "types": dict.fromkeys(names.values(), _TYPES + "StaticEmbedding"),
            "structure": {role: [name] for role, name in names.items()},
            "parameters": {"default_route": "document", "allow_empty_key": True},
        },
    )
    write_modules(folder, _TYPES + "Router")


def write_modules(folder: Path, first: str) -> None:
    """What makes a folder theirs: a module of a class of this name, then Normalize."""
    modules = [("", first), ("1_Normalize", _TYPES + "Normalize")]
    write_json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": kind}
            for i, (path, kind) in enumerate(modules)
        ],
    )
    write_json(folder / "1_Normalize" / "config.json", {})
    write_json(
        folder / MODEL_CONFIG,
        {
            "model_type": "SentenceTransformer",
            "prompts": {"query": "", "document": ""},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )


def read_static(cls: type[StaticText], folder: Path) -> StaticText:
    """An encoder from a folder of `write_static`, or a StaticEmbedding of theirs."""
    path = folder / "config.json"
    config = read_json(path) if path.is_file() else {}
    if config.get("encoder") != "StaticText":
        return _read_theirs(cls, folder)
    weights = read_weights(require(folder, "model.safetensors"))
    try:
        kind = config["tokenizer"]["kind"]
        if kind == "hashed":
            known = weights.pop("known").numpy()
            grams, buckets = config["tokenizer"]["grams"], config["tokenizer"]["buckets"]
            tokenizer: HashedWords | Pieces = HashedWords(known, grams, buckets)
        else:
            tokenizer = Pieces.read(folder / "tokenizer.json")
        encoder = cls(
            tokenizer,
            config["dim"],
            pooling=config["pooling"],
            shared=config["shared"],
            dropout=config["dropout"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: no {error}; expected the settings of a StaticText") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if TABLE in weights:  # portable: the token weights are in the vectors
        weights = {"vectors": weights[TABLE], "token_weights": torch.ones(1, tokenizer.size)}
    _fill(encoder, weights, folder / "model.safetensors")
    return encoder.eval()


def _read_theirs(cls: type[StaticText], folder: Path) -> StaticText:
    """A StaticEmbedding of theirs, or a folder of model2vec; our vectors have length 1.

    A folder of model2vec alone leaves unknown tokens out, as that library does.
    """
    if (folder / "modules.json").is_file():
        modules = read_modules(folder)
        kinds = [kind for kind, _ in modules]
        if kinds not in (["StaticEmbedding"], ["StaticEmbedding", "Normalize"]):
            raise InputError(
                f"{folder / 'modules.json'}: modules {', '.join(kinds)}; expected StaticEmbedding "
                "and possibly Normalize"
            )
        inner, unit = modules[0][1], len(kinds) == 2
        settings = read_model_config(folder / MODEL_CONFIG)
    else:
        inner, settings = folder, {}
        unit = bool(read_json(require(folder, "config.json")).get("normalize", True))
    if any(settings.get("prompts", {}).values()):
        raise InputError(f"{folder / MODEL_CONFIG}: found prompts; expected none, which a bag of "
                         "tokens here cannot put before a text")  # fmt: skip
    vectors = _table(require(inner, "model.safetensors"))
    size = settings.get("truncate_dim")
    if size is not None:
        vectors = vectors[:, : whole_number(size, f"{folder / MODEL_CONFIG}: truncate_dim")]
    if not unit or size is not None:
        note(f"{folder}: its vectors are not of length 1; here they are, and cosines are the same")
    made = cls.from_vectors(require(inner, "tokenizer.json"), vectors)
    if inner is folder and not (folder / "modules.json").is_file():
        unknown = made.tokenizer.unknown() if isinstance(made.tokenizer, Pieces) else None
        with torch.no_grad():
            made.vectors[[] if unknown is None else [unknown]] = 0.0
    return made.eval()


def _table(path: Path) -> Tensor:
    """A row per token id, float32, of whatever type and layout a file keeps.

    Theirs is one table. Model2vec keeps `embeddings`, of few rows where tokens share them by
    `mapping`, and `weights` of tokens: e_t = embeddings[mapping_t] weights_t. Vectors of length 1
    do not depend on the scale of whole numbers (int8).
    """
    found = read_weights(path)
    if set(found) == {TABLE}:
        return found[TABLE].float()
    if not {"embeddings"} <= set(found) <= {"embeddings", "mapping", "weights"}:
        names = ", ".join(sorted(found)) or "nothing"
        raise InputError(
            f"{path}: found {names}; expected {TABLE}, or embeddings with mapping and weights"
        )
    table = found["embeddings"].float()
    if "mapping" in found:
        mapping = found["mapping"].long()
        if len(mapping) and not 0 <= int(mapping.min()) <= int(mapping.max()) < len(table):
            last = int(mapping.max())
            raise InputError(f"{path}: mapping names rows up to {last}; expected 0 to "
                             f"{len(table) - 1}")  # fmt: skip
        table = table[mapping]
    if "weights" in found:
        weights = found["weights"].float()
        if weights.shape != table.shape[:1]:
            raise InputError(f"{path}: weights are {tuple(weights.shape)}; expected a number for "
                             f"each of {len(table)} tokens")  # fmt: skip
        table = table * weights[:, None]
    return table


def _fill(encoder: StaticText, weights: dict[str, Tensor], path: Path) -> None:
    own = encoder.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        found = tuple(weights[name].shape) if name in weights else "nothing"
        expected = tuple(own[name].shape) if name in own else "nothing"
        if found != expected:
            raise InputError(f"{path}: {name} is {found}; expected {expected} by config.json")
    encoder.load_state_dict(weights)
