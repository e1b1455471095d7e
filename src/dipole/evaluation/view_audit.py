"""Audit of text views: how often a view keeps the meaning of a text, and how much it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import encode_function, unit, vectors_of
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import MEAN
from dipole.kernels.draws import RowGenerator
from dipole.lexical.words import split_words
from dipole.views.base import View

# The views that change texts themselves.
VIEWS = (
    "word-repetition", "word-deletion", "span-deletion", "word-shuffle",
    "dipole.views.synonyms:WordSwap", "dipole.views.synonyms:SynonymReplacement",
    "dipole.views.synonyms:SynonymInsertion", "dipole.views.synonyms:EDA",
    "dipole.views.typos:Typo",
)  # fmt: skip
# The row that a view must beat: every text's view is some other text.
ANOTHER = "another text"
MEASURES = ("similarity", "kept", "AUROC", "changed", "diversity")
LABELS_KEPT = "label kept"
FOLDS, C = 5, 1.0
# Scores compared at a time.
_BLOCK = 4_000_000
# Cosines closer than this are equal: a text's vector depends a little on its batch.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Audited:
    """One view: its measures with an item for each text, and what it made of the texts."""

    result: Result
    texts: Sequence[str]
    rendered: Sequence[str]

    def worst(self, count: int) -> list[tuple[float, str, str]]:
        """The texts that were changed and whose views are least similar to them: (similarity, text,
        view)."""
        found = np.asarray(self.result.per_item["similarity"])
        changed = np.flatnonzero(self.result.per_item["changed"])
        order = changed[np.argsort(found[changed], kind="stable")][:count]
        return [(float(found[i]), self.texts[i], self.rendered[i]) for i in order]


def audit_views(
    judge: Any,
    texts: Sequence[str],
    views: Mapping[str, View],
    *,
    labels: Sequence[Any] | None = None,
    seed: int = 0,
) -> list[Audited]:
    """Measure each view of texts x_i by the vectors u of a judge; every measure is a mean over i.

        similarity   cos(u_i, u(t(x_i)))
        kept         1 where no other text is closer: cos(u_i, u(t(x_i))) > max_j cos(u_i, u_j)
        AUROC        share of the other texts with cos(u_i, u_j) < cos(u_i, u(t(x_i))), ties half
        changed      1 where t(x_i) is not x_i
        diversity    1 - |W(x_i) & W(t(x_i))| / |W(x_i) | W(t(x_i))|,  W the set of words
        label kept   1 where a classifier that has not seen x_i gives both one class (with labels)

    The last row is `ANOTHER`: each text's view is another text, drawn. The classifier is logistic
    regression on the judge's vectors, cross-validated in 5 folds. Of texts that occur several times
    give one. The measures are dipole's own reading of what the review asks of a view: to keep the
    meaning and to change the form.

    judge: what can encode (see `evaluation.encoding`). labels: a class for each text.
    Source: Bhattacharjee et al. 2022, Text Transformations in Contrastive Self-Supervised Learning:
    A Review, arXiv 2203.12000.

    Raises:
        InputError: fewer than 3 texts, equal texts, a view of features, labels of one class.

    Example:
        >>> from dipole.views.text import WordDeletion
        >>> judge = lambda texts: np.array([[t.count(x) for x in "abc"] for t in texts])
        >>> found = audit_views(judge, ["a a b", "b b c", "c a c"], {"deletion": WordDeletion(0.4)})
        >>> [audited.result.system for audited in found]
        ['deletion', 'another text']
    """
    _check(texts)
    check_views(views)
    made = {name: list(view(list(texts), RowGenerator((seed, k), 0)))
            for k, (name, view) in enumerate(views.items())}  # fmt: skip
    shift = np.random.default_rng(seed).integers(1, len(texts), len(texts))
    made[ANOTHER] = [texts[(i + s) % len(texts)] for i, s in enumerate(shift)]
    encode = encode_function(judge)
    ids = [str(i) for i in range(len(texts))]
    known = _vectors(encode, texts, ids)
    found = {name: _vectors(encode, rendered, ids) for name, rendered in made.items()}
    classes, notes = (None, "") if labels is None else _classes(known, found, labels, seed)
    audited = []
    for name, rendered in made.items():
        columns = _of_vectors(known, found[name]) | _of_words(texts, rendered)
        if classes is not None:
            columns[LABELS_KEPT] = (classes[name] == classes[""]).astype(float)
        result = Result("views", name, "text", ids, columns, tuple(columns), MEAN,
                        (notes,) if notes else (), seed=seed)  # fmt: skip
        audited.append(Audited(result, texts, rendered))
    return audited


def check_views(views: Mapping[str, View]) -> None:
    """Raise InputError at a view that does not change texts themselves."""
    for name, view in views.items():
        if view.on != "inputs":
            raise InputError(
                f"view {name}: changes what an encoder makes of texts; expected one that changes "
                "the texts themselves, as word-deletion"
            )


def _check(texts: Sequence[str]) -> None:
    if len(texts) < 3:
        raise InputError(f"views: found {len(texts)} different texts; expected 3 or more")
    if len(set(texts)) < len(texts):
        raise InputError("views: found equal texts; expected each text once")


def _vectors(encode: Any, texts: Sequence[str], ids: Sequence[str]) -> np.ndarray:
    """(n, dim), of length 1; a zero vector stays."""
    return unit(vectors_of(encode, texts, "document", ids, "texts", "judge").astype(np.float64))


def _of_vectors(known: np.ndarray, found: np.ndarray) -> dict[str, np.ndarray]:
    own = (known * found).sum(1)
    below, best = np.zeros(len(known)), np.empty(len(known))
    size = max(1, _BLOCK // len(known))
    for start in range(0, len(known), size):
        rows = np.arange(start, min(start + size, len(known)))
        scores = known[rows] @ known.T
        scores[rows - start, rows] = -np.inf  # itself is no other text
        best[rows] = scores.max(1)
        ahead = own[rows, None] - scores
        below[rows] = (ahead > _ROUNDING).sum(1) - 1 + 0.5 * (np.abs(ahead) <= _ROUNDING).sum(1)
    kept = (own - best > _ROUNDING).astype(float)
    return {"similarity": own, "kept": kept, "AUROC": below / (len(own) - 1)}


def _of_words(texts: Sequence[str], rendered: Sequence[str]) -> dict[str, np.ndarray]:
    shared = np.empty(len(texts))
    for i, (text, view) in enumerate(zip(texts, rendered, strict=True)):
        first, second = set(split_words(text.lower())), set(split_words(view.lower()))
        union = first | second
        shared[i] = len(first & second) / len(union) if union else 1.0
    changed = [text != view for text, view in zip(texts, rendered, strict=True)]
    return {"changed": np.array(changed, dtype=float), "diversity": 1 - shared}


def _classes(
    known: np.ndarray, found: Mapping[str, np.ndarray], labels: Sequence[Any], seed: int
) -> tuple[dict[str, np.ndarray], str]:
    """The class of each text, under "", and of its views, by a classifier fitted to other texts."""
    from dipole.evaluation.tasks.probe import probe_labels

    given = np.asarray([str(label) for label in labels])
    if len(given) != len(known):
        raise InputError(f"labels: found {len(given)} for {len(known)} texts; expected one each")
    if len(np.unique(given)) < 2:
        raise InputError(f"labels: found one class ({str(given[0])!r}); expected two or more")
    fold = np.random.default_rng(seed).permutation(len(known)) % FOLDS
    said = {name: np.empty(len(known), dtype=given.dtype) for name in ("", *found)}
    for k in range(FOLDS):
        test, rest = fold == k, fold != k
        if not test.any():
            continue
        if len(np.unique(given[rest])) < 2:
            raise InputError("labels: found too few texts of a second class; expected 5 or more")
        asked = [known[test], *(vectors[test] for vectors in found.values())]
        answers, _ = probe_labels(known[rest], given[rest], np.concatenate(asked), C=C)
        for name, part in zip(said, np.split(answers, len(asked)), strict=True):
            said[name][test] = part
    right = float((said[""] == given).mean())
    return said, f"the classifier is right for {right:.1%} of the texts"
