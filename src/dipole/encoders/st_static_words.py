"""A bag of words of dipole as a module of sentence-transformers (5 or later).

`dipole export --to sentence-transformers` copies this file into the folder of the model, where
sentence-transformers runs it with trust_remote_code=True. It needs nothing of dipole. Queries are
what `encode_query` encodes, documents everything else.

    v = sum over (token t, place p) of  f(n_tp) a_p w_t e_t,  f = log(1 + n), or n if it is linear
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections import Counter
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.models import InputModule

PLACES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512)
_WORD = re.compile(r"[^\W\d_]+|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class StaticWords(InputModule):
    """Texts -> {"sentence_embedding": (n, dim)}, not normalised."""

    vectors: torch.Tensor
    token_weights: torch.Tensor
    place_weights: torch.Tensor

    def __init__(
        self, config: dict[str, Any], weights: dict[str, torch.Tensor], pieces: Any = None
    ) -> None:
        super().__init__()
        self.config = config
        self.known = weights.pop("known", None)
        self.rows = {} if self.known is None else {h: i for i, h in enumerate(self.known.tolist())}
        for name, tensor in weights.items():
            self.register_parameter(name, torch.nn.Parameter(tensor))
        self.pieces = pieces  # of the library tokenizers, where tokens are none of words
        self.tokenizer = pieces

    def _tokens(self, text: str) -> list[tuple[int, int]]:
        """(row of the table, number of its word) of every token."""
        if self.pieces is not None:
            return [
                (i, at)
                for at, i in enumerate(self.pieces.encode(text, add_special_tokens=False).ids)
            ]
        settings = self.config["tokenizer"]
        found: list[tuple[int, int]] = []
        for place, word in enumerate(_split(text)):
            padded = f"<{word}>"
            parts = [word]
            for n in settings["grams"]:
                parts += [f"{n}:{padded[i : i + n]}" for i in range(len(padded) - n + 1)]
            for part in parts:
                hashed = zlib.crc32(part.encode("utf-8", "surrogatepass"))
                row = self.rows.get(hashed, len(self.rows) + hashed % settings["buckets"])
                found.append((row, place))
        return found

    def preprocess(
        self, inputs: list[str], prompt: str | None = None, task: str | None = None, **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        """Bags, one after the other."""
        tokens: list[int] = []
        places: list[int] = []
        counts: list[float] = []
        offsets: list[int] = []
        sublinear = self.config["pooling"] == "sublinear"
        for text in inputs:
            offsets.append(len(tokens))
            bag = Counter(
                (row, max(i for i, first in enumerate(PLACES) if first <= at) if sublinear else 0)
                for row, at in self._tokens((prompt or "") + text)
            )
            for (row, place), count in bag.items():
                tokens.append(row)
                places.append(place)
                counts.append(float(count))
        role = 0 if task == "query" or self.config["shared"] else 1
        return {
            "input_ids": torch.tensor(tokens, dtype=torch.long),
            "places": torch.tensor(places, dtype=torch.long),
            "counts": torch.tensor(counts),
            "offsets": torch.tensor(offsets, dtype=torch.long),
            "role": torch.tensor(role),
        }

    def tokenize(self, texts: list[str], **kwargs: Any) -> dict[str, torch.Tensor]:
        """The same, as it was called before version 6."""
        return self.preprocess(texts, **kwargs)

    def forward(self, features: dict[str, torch.Tensor], **kwargs: Any) -> dict[str, torch.Tensor]:
        """With the vectors."""
        role, tokens, counts = features["role"], features["input_ids"], features["counts"]
        weights = self.token_weights[role][tokens]
        if self.config["pooling"] == "sublinear":
            weights = weights * self.place_weights[role].exp()[features["places"]]
            counts = torch.log1p(counts)
        features["sentence_embedding"] = torch.nn.functional.embedding_bag(
            tokens,
            self.vectors,
            features["offsets"],
            mode="sum",
            per_sample_weights=weights * counts,
        )
        return features

    def get_embedding_dimension(self) -> int:
        """The size of a vector."""
        return int(self.vectors.shape[1])

    get_sentence_embedding_dimension = get_embedding_dimension
    get_word_embedding_dimension = get_embedding_dimension

    @property
    def max_seq_length(self) -> float:
        """Texts are never cut."""
        return float("inf")

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Write what `load` reads."""
        tensors = {name: p.detach().contiguous() for name, p in self.named_parameters()}
        if self.known is not None:
            tensors["known"] = self.known
        save_file(tensors, os.path.join(output_path, "model.safetensors"))
        with open(os.path.join(output_path, "config.json"), "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=2)
        if self.pieces is not None:
            self.pieces.save(os.path.join(output_path, "tokenizer.json"))

    @classmethod
    def load(cls, model_name_or_path: str, **kwargs: Any) -> StaticWords:
        """Read what dipole or `save` wrote."""
        names = ("subfolder", "token", "cache_folder", "revision", "local_files_only")
        given = {name: kwargs[name] for name in names if name in kwargs}

        def path(name: str) -> Any:
            return cls.load_file_path(model_name_or_path, filename=name, **given)

        with open(path("config.json"), encoding="utf-8") as file:
            config = json.load(file)
        pieces = None
        if config["tokenizer"]["kind"] != "hashed":
            from tokenizers import Tokenizer

            pieces = Tokenizer.from_file(path("tokenizer.json"))
            pieces.no_padding()
        return cls(config, load_file(path("model.safetensors")), pieces)


def _split(text: str) -> list[str]:
    """The words of a text in lower case; identifiers give their parts."""
    found = []
    for word in _WORD.findall(text):
        if word.islower() or not word.isascii():
            found.append(word.lower())
        else:
            found += [part.lower() for part in _PART.findall(word)]
    return found
