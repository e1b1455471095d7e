"""Validation during training: one number per visit, higher is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dipole.data import Examples, Labeled, Pairs, Preferences, Ranked, Scored, Triplets
from dipole.data.bundles import Bundles
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder
    from dipole.training.parts import Part

# The most examples among which a visit looks for neighbours.
KNOWN = 20_000

# The name of a measure, and what it is of an encoder: a number, or several by name, among them it.
Measure = Callable[["Encoder"], float | Mapping[str, float]]
Validation = tuple[str, Measure]


def can_be_measured(examples: Examples) -> bool:
    """Whether there is a measure for examples of this kind."""
    return isinstance(examples, Pairs | Triplets | Scored | Labeled | Preferences)


def is_judged(encoder: Encoder, examples: Examples) -> bool:
    """Whether an encoder is measured by its scores of pairs: it reads them together, or it gives a
    vector for each token and the examples name no document to find."""
    from dipole.encoders.reading import gives_tokens

    finds = gives_tokens(encoder) and isinstance(examples, Pairs | Triplets)
    return encoder.reads_pairs or (gives_tokens(encoder) and not finds)


def is_foreseen(encoder: Encoder, examples: Examples) -> bool:
    """Whether an encoder is measured by how well it foresees: a language model of texts alone."""
    from dipole.data.examples import Inputs
    from dipole.language.likelihoods import foresees

    is_text = isinstance(examples, Inputs) and not isinstance(examples, Labeled)
    return is_text and foresees(encoder)


def foreseen_validation(examples: Examples) -> Validation:
    """The mean log-probability of a token of held-out texts, and the perplexity."""
    from dipole.language.likelihoods import LIKELIHOOD, likelihood_measure

    texts = [str(text) for text in examples.column("input")]
    return LIKELIHOOD, likelihood_measure(texts, examples.origin)


def judge_validation(examples: Examples) -> Validation:
    """The same for an encoder that reads two texts together: of lists nDCG@10, of triplets, whose
    positive and negatives are a list, MRR, of scored pairs Spearman.

    Raises InputError: pairs, whose lists would be all texts of the others.
    """
    from dipole.evaluation.judged import as_vectors
    from dipole.evaluation.tasks.reranking import evaluate_reranking
    from dipole.evaluation.tasks.sts import evaluate_sts
    from dipole.training.examples import as_lists

    if isinstance(examples, Scored):
        return "Spearman", lambda encoder: evaluate_sts(
            *as_vectors(encoder, examples, "validation")
        ).value("Spearman")
    if not isinstance(examples, Triplets | Ranked):
        raise InputError(
            f"validation: {type(examples).__name__}; expected triplets, lists or scored pairs for "
            "an encoder that reads two texts together"
        )
    if isinstance(examples, Ranked):
        lists, measure = examples, "nDCG@10"
    else:
        lists, measure = as_lists(examples), "MRR"
    return measure, lambda encoder: evaluate_reranking(
        *as_vectors(encoder, lists, "validation")
    ).value(measure)


def make_validation(
    examples: Examples, training: Examples | None = None, parts: Sequence[Part] = ()
) -> Validation:
    """The name of the measure that fits `examples`, and the function that takes it.

    Pairs: MRR@10 of finding one of each anchor's positives among all positives, as `evaluate`
    measures it. Scored: Spearman.
    Labeled: accuracy of the vote of the 20 nearest of `training` by cosine.
    Preferences: how often the better of two answers has the higher reward (`training.answers`), the
    log-ratio to the reference if one is among the `parts`.
    """
    if isinstance(examples, Pairs | Triplets):
        from dipole.data.retrieval import retrieval_from_pairs
        from dipole.evaluation.tasks.searching import evaluate_retrieval

        data = retrieval_from_pairs(examples)
        return "MRR@10", lambda encoder: evaluate_retrieval(encoder, data).value("MRR@10")
    if isinstance(examples, Preferences):
        from dipole.training.answers import ACCURACY, preference_measure

        return ACCURACY, preference_measure(examples, parts)
    if isinstance(examples, Bundles):
        return f"MRR@10 from {next(iter(examples.FIELDS))}", lambda encoder: _mrr(examples, encoder)
    if isinstance(examples, Scored):
        return "Spearman", lambda encoder: _spearman(examples, encoder)
    if isinstance(examples, Labeled) and isinstance(training, Labeled):
        return "kNN accuracy", lambda encoder: _neighbours(examples, training, encoder)
    raise InputError(
        f"validation: {type(examples).__name__}; expected pairs, scored pairs or labelled inputs"
        " (or a language model, lm:FOLDER, for texts)"
    )


def _mrr(examples: Bundles, encoder: Encoder) -> float:
    """MRR@10 of finding a row's own from its first column, the mean over the other columns."""
    from dipole.training.batches import role_of

    first, *others = (
        encoder.encode(examples.column(field), role_of(field, encoder)) for field in examples.FIELDS
    )
    found = []
    for other in others:
        for start in range(0, len(first), 1024):
            scores = first[start : start + 1024] @ other.T
            own = np.take_along_axis(scores, np.arange(start, start + len(scores))[:, None], 1)
            rank = (scores > own).sum(1)
            found.append(np.where(rank < 10, 1 / (rank + 1), 0))
    return float(np.concatenate(found).mean())


def _spearman(examples: Scored, encoder: Encoder) -> float:
    from dipole.evaluation.tasks.sts import evaluate_sts

    return evaluate_sts(encoder, examples).value("Spearman")


def _neighbours(examples: Labeled, known: Labeled, encoder: Encoder) -> float:
    from dipole.evaluation.tasks.neighbours import NEIGHBOURS, evaluate_knn

    # Neighbours from all over the training examples, as many as a visit has time for.
    rows = np.linspace(0, len(known) - 1, min(len(known), KNOWN)).astype(np.int64)
    neighbours = min(NEIGHBOURS, len(rows))
    return evaluate_knn(encoder, known.select(rows), examples, neighbours).value("accuracy")
