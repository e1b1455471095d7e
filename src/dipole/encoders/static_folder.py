"""The folders of a StaticText: one of dipole, and two that sentence-transformers loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dipole.encoders.folder import read_json, read_weights, require, write_json, write_weights
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.text_hashing import HashedWords
from dipole.errors import InputError

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
        _write_modules(folder, "StaticEmbedding")


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
    _write_modules(folder, "Router")


def _write_modules(folder: Path, first: str) -> None:
    modules = [("", first), ("1_Normalize", "Normalize")]
    write_json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": _TYPES + kind}
            for i, (path, kind) in enumerate(modules)
        ],
    )
    write_json(folder / "1_Normalize" / "config.json", {})
    write_json(
        folder / "config_sentence_transformers.json",
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
    if TABLE in weights:  # portable: the token weights are in the vectors
        weights = {"vectors": weights[TABLE], "token_weights": torch.ones(1, tokenizer.size)}
    _fill(encoder, weights, folder / "model.safetensors")
    return encoder.eval()


def _read_theirs(cls: type[StaticText], folder: Path) -> StaticText:
    """StaticEmbedding, with Normalize or without: cosines are the same, and ours normalises."""
    path = folder / "modules.json"
    modules = read_json(require(folder, "modules.json"))
    kinds = [str(m.get("type")).rsplit(".", 1)[-1] for m in modules]
    if kinds not in (["StaticEmbedding"], ["StaticEmbedding", "Normalize"]):
        raise InputError(
            f"{path}: modules {', '.join(kinds)}; expected StaticEmbedding and possibly Normalize"
        )
    inner = folder / modules[0]["path"]
    weights = read_weights(require(inner, "model.safetensors"))
    if TABLE not in weights:
        found = ", ".join(sorted(weights)) or "nothing"
        raise InputError(f"{inner / 'model.safetensors'}: found {found}; expected {TABLE}")
    return cls.from_vectors(require(inner, "tokenizer.json"), weights[TABLE]).eval()


def _fill(encoder: StaticText, weights: dict[str, Tensor], path: Path) -> None:
    own = encoder.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        found = tuple(weights[name].shape) if name in weights else "nothing"
        expected = tuple(own[name].shape) if name in own else "nothing"
        if found != expected:
            raise InputError(f"{path}: {name} is {found}; expected {expected} by config.json")
    encoder.load_state_dict(weights)
