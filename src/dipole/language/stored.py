"""Log-probabilities of a whole data set under a model, made once and kept by content."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dipole.data.cache import cache_folder, digest, new_entry
from dipole.data.fingerprint import row_hashes
from dipole.data.preferences import Preferences
from dipole.data.same import exact_key
from dipole.encoders.base import Encoder, fingerprint
from dipole.encoders.evaluating import evaluating
from dipole.encoders.precision import at_precision, bfloat16_is_faster
from dipole.progress import counting

_LOGPS, _LENGTHS = "log_probs.npy", "lengths.npy"


class Stored(NamedTuple):
    """Log-probabilities of all tokens of all answers, one after the other; `answers` (rows + 1,)
    where the answers of each row begin, `tokens` where the tokens of each answer do."""

    log_probs: np.ndarray
    answers: np.ndarray
    tokens: np.ndarray

    def of_answer(self, answer: int) -> np.ndarray:
        """Those of the tokens of an answer, by its number in the data."""
        found: np.ndarray = self.log_probs[self.tokens[answer] : self.tokens[answer + 1]]
        return found

    def of_rows(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """(answers of these rows, t) log-probabilities, 0 behind the end, and their lengths."""
        answers = [a for row in rows for a in range(self.answers[row], self.answers[row + 1])]
        parts = [torch.from_numpy(np.array(self.of_answer(a))) for a in answers]
        lengths = torch.tensor([len(part) for part in parts])
        return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), lengths

    def sums(self) -> np.ndarray:
        """(answers,) the sum of the tokens of each."""
        found: np.ndarray = np.add.reduceat(
            np.asarray(self.log_probs, np.float64), self.tokens[:-1]
        )
        return found


def entry_of(encoder: Encoder, examples: Preferences, mark: str | None = None) -> Path:
    """The folder of the cache for a model (its fingerprint is `mark`) and the texts of a data set,
    which may not be there yet. Ids and ratings do not count."""
    texts = blake2b(digest_size=16)
    for hashes in row_hashes(examples, exact_key, without=("ratings",)):
        texts.update(hashes.astype("<u8").tobytes())
    kind = type(examples).__name__
    half = encoder.dtype == "bfloat16" or (
        encoder.dtype == "auto" and bfloat16_is_faster(encoder.device.type)
    )
    name = digest(mark or fingerprint(encoder), kind, texts.hexdigest(), half)
    return cache_folder() / f"{name}-log-probabilities"


def make_entry(
    entry: Path, encoder: Encoder, examples: Preferences, *, show_progress: bool = False
) -> None:
    """Compute an entry, unless somebody has."""
    if (entry / _LENGTHS).exists():
        return
    found = log_probs_of(encoder, examples, show_progress=show_progress)
    with new_entry(entry.name) as folder:
        np.save(folder / _LOGPS, np.concatenate(found))
        np.save(folder / _LENGTHS, np.array([len(part) for part in found], dtype=np.int64))


def read_entry(entry: Path, examples: Preferences) -> Stored:
    """An entry, its numbers read where they are touched."""
    lengths = np.load(entry / _LENGTHS, allow_pickle=False)
    counts = [len(answers) for answers in examples.column("answers")]
    return Stored(
        np.load(entry / _LOGPS, mmap_mode="r", allow_pickle=False),
        np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
    )


def log_probs_of(
    encoder: Encoder, examples: Preferences, *, show_progress: bool = False
) -> list[np.ndarray]:
    """float32 log-probabilities of the tokens of every answer, in their order, in eval mode.

    Rows of similar length are computed together, the longest first.
    """
    model, device = evaluating(encoder), encoder.device
    forward: Any = model.log_probs
    sizes = np.array(
        [
            len(answers) * (len(prompt) + max(map(len, answers)))
            for prompt, answers in zip(
                examples.column("prompt"), examples.column("answers"), strict=True
            )
        ]
    )
    order = np.argsort(-sizes, kind="stable")
    counts = [len(answers) for answers in examples.column("answers")]
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    found: list[np.ndarray] = [np.empty(0, np.float32)] * int(starts[-1])
    budget = 4 * encoder.default_budget()  # characters, about four a token
    with counting("log-probabilities", len(order), show_progress) as advance:
        place = 0
        while place < len(order):
            count = max(1, int(budget // max(sizes[order[place]], 1)))
            rows = order[place : place + count]
            features = model.prepare(examples.read(rows.tolist()))
            with torch.no_grad(), at_precision(device, encoder.dtype):
                on_device = {name: x.to(device) for name, x in features.items()}
                made = forward(on_device).float().cpu().numpy()
            lengths = features["targets"].sum(1).tolist()
            answers = [a for row in rows for a in range(starts[row], starts[row + 1])]
            for answer, part, length in zip(answers, made, lengths, strict=True):
                found[answer] = part[:length].copy()
            place += len(rows)
            advance(len(rows))
    return found
