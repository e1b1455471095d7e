"""A bag of tokens made of a transformer, without training: what it says of each of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from dipole.data.inputs import batch_of, check_texts, real_number, whole_number
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.evaluating import evaluating
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.progress import counting

# Dimensions where none are asked for.
DIM = 256
# Tokens that go through the transformer at a time, each of them a text.
BLOCK = 1024


def distill(
    teacher: TransformerText,
    *,
    dim: int | None = None,
    smoothing: float = 1e-4,
    texts: Sequence[str] | None = None,
    show_progress: bool = False,
) -> StaticText:
    """A `StaticText` with a transformer's token vectors, in fewer dimensions and weighted.

        v_t = w_t PCA_dim(teacher(t)),    w_t = smoothing / (smoothing + p_t)

    teacher(t) is its pooled vector, not normalised, of a text that is the token t and the special
    ones alone. p_t is how often t stands in `texts`, as a share of their tokens; without texts it
    is Zipf's law by the tokens' numbers, p_t proportional to 1 / (number + 1), as vocabularies
    begin with what is frequent. Special tokens and the unknown one have the zero vector.

    Args:
        dim: of the vectors; 256, or as many as the teacher has if these are fewer.
        smoothing: the frequency at which a token counts half; 1e-4.
        texts: some of those that the model is for.

    Raises:
        InputError: something else than a transformer; `dim` above the teacher's; texts that hold no
            token.

    Example:
        >>> distill(load_encoder("sentence-transformers/all-MiniLM-L6-v2")).save("small")

    Source: weights by frequency, Arora et al. 2017, A Simple but Tough-to-Beat Baseline for
    Sentence Embeddings, ICLR 2017; of token vectors of a transformer, Tulkens and van Dongen 2024,
    Model2Vec.
    """
    if isinstance(teacher, AdaptedText) and teacher.kind == "lora":
        teacher = teacher.folded()
    if type(teacher) is not TransformerText:
        raise InputError(f"distill: found {type(teacher).__name__}; expected a transformer")
    tokenizer = _without_special(teacher.tokenizer)
    size = teacher.backbone_dim
    wanted = min(DIM, size) if dim is None else whole_number(dim, "dim", 1, size)
    smoothing = real_number(smoothing, "smoothing", 0)
    pieces = Pieces(tokenizer)
    known = _known(teacher.tokenizer, pieces)
    vectors = _vectors(teacher, known, show_progress)
    vectors = principal(vectors, wanted)
    share = _zipf(len(known)) if texts is None else _shares(pieces, known, texts)
    weights = np.divide(smoothing, smoothing + share, out=np.ones_like(share), where=share > 0)
    table = np.zeros((pieces.size, vectors.shape[1]), dtype=np.float32)
    table[known] = vectors * weights[:, None]
    return StaticText.from_vectors(pieces, table)


def principal(vectors: np.ndarray, dim: int) -> np.ndarray:
    """Vectors (n, d) less their mean along the `dim` directions in which they vary most, (n, dim).

    Each direction has the sign that makes its largest number positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :dim]
    signs = np.sign(chosen[np.abs(chosen).argmax(0), np.arange(chosen.shape[1])])
    found: np.ndarray = centred @ (chosen * signs)
    return found


def _without_special(tokenizer: Any) -> Any:
    """A copy of the fast tokenizer that neither pads nor cuts; a bag takes no special tokens."""
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own.no_truncation()
    own.no_padding()
    return own


def _known(tokenizer: Any, pieces: Pieces) -> np.ndarray:
    """The ids of all tokens but the special ones and the unknown one, in their order."""
    left_out = {*tokenizer.all_special_ids, pieces.unknown()}
    ids = sorted(set(pieces.tokenizer.get_vocab().values()) - left_out)
    return np.array(ids, dtype=np.int64)


def _vectors(teacher: TransformerText, ids: np.ndarray, show_progress: bool) -> np.ndarray:
    """The pooled vector of each token with the special ones around it, (n, dim) float32."""
    plain = TransformerText(
        teacher.transformer,
        teacher.tokenizer,
        **(teacher.options_of() | {"normalize": False, "truncate_dim": None, "prompts": {}}),
    )
    twin, device = evaluating(plain), teacher.device
    row = _without_special(teacher.tokenizer).encode("a")  # which ones stand around a text
    inner = [i for i, part in enumerate(row.sequence_ids) if part is not None]
    before, behind = row.ids[: inner[0]], row.ids[inner[-1] + 1 :]
    kinds = [row.type_ids[i] for i in (*range(inner[0] + 1), *range(inner[-1] + 1, len(row.ids)))]
    found = np.empty((len(ids), plain.dim), dtype=np.float32)
    with counting("asking the teacher", len(ids), show_progress) as advance, torch.inference_mode():
        for start in range(0, len(ids), BLOCK):
            part = ids[start : start + BLOCK].tolist()
            features = twin._collate([([*before, token, *behind], kinds) for token in part])
            features = {name: x.to(device) for name, x in features.items()}
            found[start : start + len(part)] = twin(features).float().cpu().numpy()
            advance(len(part))
    return found


def _zipf(count: int) -> np.ndarray:
    """Shares of tokens in the order of their frequency, 1 / 2, 1 / 3, ... to a sum of 1."""
    inverse = 1 / np.arange(2, count + 2)
    found: np.ndarray = inverse / inverse.sum()
    return found


def _shares(pieces: Pieces, known: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """How often each of the known tokens stands in texts, as a share of all tokens."""
    texts = batch_of(texts, "distill: texts")
    counts = np.zeros(pieces.size)
    for start in range(0, len(texts), BLOCK):
        part = list(texts[start : start + BLOCK])
        check_texts(part, "distill: texts")
        for ids, _ in pieces(part):
            np.add.at(counts, ids, 1)
    found: np.ndarray = counts[known]
    if not found.sum():
        raise InputError("distill: texts: found no token that the teacher knows; expected some")
    return found / counts.sum()
