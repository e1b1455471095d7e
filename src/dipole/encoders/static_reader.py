"""A saved bag of tokens, computed with numpy alone: a query need not wait for torch to load."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.encoders.folder import read_json
from dipole.encoders.text_bags import bag_of
from dipole.encoders.text_hashing import HashedWords
from dipole.errors import InputError


class StaticReader:
    """Vectors as those of the StaticText that a folder holds, to rounding; see there.

    Reads hashed words with sublinear pooling, which is what a training makes by default.
    """

    def __init__(self, settings: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        self._settings, self._weights = settings, weights
        tokenizer = settings["tokenizer"]
        self._words = HashedWords(weights["known"], tokenizer["grams"], tokenizer["buckets"])

    @classmethod
    def of(cls, folder: Path) -> StaticReader | None:
        """What reads a folder, None where it holds anything else or is not whole."""
        from safetensors import SafetensorError

        try:
            settings = read_json(folder / "config.json")
            is_known = settings["encoder"] == "StaticText" and settings["pooling"] == "sublinear"
            if not is_known or settings["tokenizer"]["kind"] != "hashed":
                return None
            from safetensors.numpy import load_file

            del settings["dropout"]
            return cls(settings, load_file(folder / "model.safetensors"))
        # What is wrong with a folder `load_encoder` says in one line.
        except (InputError, KeyError, TypeError, ValueError, OSError, SafetensorError):
            return None

    def encode(self, inputs: Sequence[str], role: str) -> np.ndarray:
        """Unit vectors of texts, (n, dim); zero for a text without tokens."""
        side = 0 if role == "query" or self._settings["shared"] else 1
        own = self._weights["token_weights"][side]
        early = np.exp(self._weights["place_weights"][side])
        rows = np.zeros((len(inputs), self._settings["dim"]), np.float32)
        for row, (tokens, positions) in zip(rows, self._words(list(inputs)), strict=True):
            bag = bag_of(tokens, positions, by_place=True)
            weights = own[bag.tokens] * early[bag.places] * np.log1p(bag.counts)
            row += weights @ self._weights["vectors"][bag.tokens]
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(norms == 0, 1, norms)

    def fingerprint(self) -> str:
        """As `fingerprint` of the StaticText."""
        digest = hashlib.sha256(json.dumps(self._settings, sort_keys=True).encode())
        for name, array in sorted(self._weights.items()):
            digest.update(f"{name} torch.{array.dtype} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()
