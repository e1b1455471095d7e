"""What scores pairs for a teacher: a cross-encoder, a head, BM25, or a function of one's own."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data.cache import digest
from dipole.data.inputs import described
from dipole.devices import device
from dipole.encoders.base import Encoder, fingerprint
from dipole.errors import InputError
from dipole.lookup import find, is_place
from dipole.training.batches import LISTS

if TYPE_CHECKING:
    from dipole.data import Examples

# (anchors, others) -> a number for each pair, (n,), or several, (n, c).
Score = Callable[[Sequence[Any], Sequence[Any]], np.ndarray]


def scorer_of(model: Any, examples: Examples, second: str) -> tuple[Score, str | None]:
    """What scores pairs, and the fingerprint of what decides its scores; None of an object."""
    if isinstance(model, str) and model == "bm25":
        documents = _texts(examples, second)
        said = hashlib.sha256("\0".join(documents).encode()).hexdigest()
        return words_of(documents), digest("bm25", said)
    if isinstance(model, str) and is_place(model):
        made, mark = _own(model)
        return checked(made, model), mark
    if isinstance(model, str | Path):
        scorer = _loaded(model)
        return checked(scorer, str(model)), fingerprint(scorer)
    has_weights = hasattr(model, "settings") and hasattr(model, "weights")
    return checked(model, "teacher"), fingerprint(model) if has_weights else None


def checked(scorer: Any, name: str) -> Score:
    """The `score` of an object, or a function, whose answers are looked at."""
    function = getattr(scorer, "score", scorer)
    if not callable(function) or isinstance(scorer, Encoder):
        raise InputError(
            f"teacher: found {described(scorer)} at {name}; expected a function "
            "(anchors, others) -> scores, or an object with such a `score`"
        )

    def score(first: Sequence[Any], second: Sequence[Any]) -> np.ndarray:
        found = np.asarray(function(list(first), list(second)), dtype=np.float32)
        if found.ndim not in (1, 2) or len(found) != len(first):
            raise InputError(
                f"teacher: {name} gave shape {found.shape} for {len(first)} pairs; expected a "
                "number for each pair"
            )
        if not np.isfinite(found).all():
            raise InputError(f"teacher: {name} gave scores that are not finite; expected numbers")
        return found

    return score


def words_of(documents: Sequence[str]) -> Score:
    """BM25 of an anchor and one of the documents, whose words say how rare each is."""
    from dipole.lexical.bm25 import BM25

    number = {text: i for i, text in enumerate(dict.fromkeys(documents))}
    index = BM25({str(i): text for text, i in number.items()})

    def score(first: Sequence[Any], second: Sequence[Any]) -> np.ndarray:
        found = np.empty(len(first), dtype=np.float32)
        groups: dict[str, list[int]] = {}
        for place, text in enumerate(first):
            groups.setdefault(text, []).append(place)
        for text, places in groups.items():
            found[places] = index.scores(text)[[number[second[i]] for i in places]]
        return found

    return score


@cache
def reads_pairs(model: str) -> bool:
    """Whether a name is one of a teacher that scores two texts, not of an encoder of vectors."""
    from dipole.encoders.pair_head import has_head
    from dipole.encoders.pair_scorer import is_pair_scorer

    if model == "bm25" or is_place(model):
        return True
    try:
        there = Path(model).exists() or "/" in model
        return there and (has_head(model) or is_pair_scorer(model) or _gives_tokens(model))
    except InputError:  # said where it is loaded
        return False


def _texts(examples: Examples, second: str) -> list[str]:
    """Everything that may stand on the second side."""
    found: list[str] = []
    for field in dict.fromkeys((second, "negatives")):
        if field in examples.FIELDS:
            column = examples.column(field)
            found += chain.from_iterable(column) if field in LISTS else column
    if not all(isinstance(text, str) for text in found):
        raise InputError("teacher: found bm25 and inputs that are no texts; expected texts")
    return found


def _loaded(model: str | Path) -> Any:
    from dipole.encoders import load_encoder
    from dipole.encoders.pair_head import HeadScorer, has_head
    from dipole.encoders.pair_scorer import PairScorer

    if _gives_tokens(model):
        encoder: Any = load_encoder(model)
        return SimpleNamespace(
            score=encoder.score, settings=encoder.settings, weights=encoder.weights
        )
    found = HeadScorer.load(model) if has_head(model) else PairScorer.load(model)
    return found.to(str(device()))


def _gives_tokens(model: str | Path) -> bool:
    """Whether a name is one of an encoder with a vector for each token, which are compared."""
    from dipole.encoders.hub import locate
    from dipole.encoders.names import has_prefix
    from dipole.encoders.st_multi_vector import is_multi_vector

    return not has_prefix(str(model)) and is_multi_vector(locate(model))


def load_judge(model: str) -> Any:
    """An encoder, or with `score(first, second)` what reads pairs: a cross-encoder, a run's head
    or a function of one's own."""
    if model == "bm25":
        raise InputError("judge: found bm25, words as a judge; expected a run or a model")
    if is_place(model):
        made, mark = _own(model)
        return SimpleNamespace(score=checked(made, model), made_of=mark)
    from dipole.encoders import load_encoder

    return _loaded(model) if reads_pairs(model) else load_encoder(model)


def _own(place: str) -> tuple[Any, str]:
    """A function, or an object of a class, of one's own, and a digest of the file it is in."""
    found = find("teacher", place, {})
    source = hashlib.sha256(Path(inspect.getfile(found)).read_bytes()).hexdigest()
    return found() if inspect.isclass(found) else found, digest(place, source)
