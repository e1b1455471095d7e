"""Byte-pair pieces, trained on the texts at hand or given as a tokenizer of `tokenizers`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError, optional

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Pieces:
    """A tokenizer of the library `tokenizers`: every token id is a row of the table.

    Special tokens are not added; texts are cut only where the tokenizer itself says so.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.tokenizer.no_padding()

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int = 8192) -> Pieces:
        """A byte-level BPE of at most `size` pieces, lower case, words split at punctuation.

        Sennrich et al., Neural machine translation of rare words with subword units, 2016.
        """
        tokenizers = optional("tokenizers", "text")
        if size < 256:
            raise InputError(f"Pieces: size is {size}; expected at least 256, one piece per byte")
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.normalizer = tokenizers.normalizers.Sequence(
            [tokenizers.normalizers.NFC(), tokenizers.normalizers.Lowercase()]
        )
        byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
            [
                tokenizers.pre_tokenizers.WhitespaceSplit(),
                tokenizers.pre_tokenizers.Punctuation(),  # the underscores of identifiers, too
                byte_level,
            ]
        )
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            initial_alphabet=byte_level.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def read(cls, path: str | Path) -> Pieces:
        """The tokenizer of a `tokenizer.json`."""
        tokenizers = optional("tokenizers", "text")
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; expected a tokenizer.json")
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # the Rust library raises bare Exceptions
            reason = (str(error).strip() or "no reason given").splitlines()[0]
            raise InputError(f"{path}: not a tokenizer.json ({reason})") from None

    @property
    def size(self) -> int:
        """Rows of the table."""
        return max(self.tokenizer.get_vocab().values(), default=-1) + 1

    def unknown(self) -> int | None:
        """The id that stands for what the tokenizer does not know, if it has one."""
        name = getattr(self.tokenizer.model, "unk_token", None)
        found: int | None = None if name is None else self.tokenizer.token_to_id(name)
        return found

    def __call__(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """For every text its token ids and their numbers in the text, both (t,) int64."""
        encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ids = [np.array(e.ids, dtype=np.int64) for e in encoded]
        return [(i, np.arange(len(i))) for i in ids]

    def settings(self) -> dict[str, Any]:
        """What `config.json` says of it; the tokenizer is saved as `tokenizer.json`."""
        return {"kind": "bpe"}
