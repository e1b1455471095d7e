"""The geometry of an embedding in one report: how it fills its space, and where positives lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipole.data.memory import is_readable
from dipole.errors import InputError
from dipole.evaluation.encoding import encode_function, vectors_of
from dipole.evaluation.geometry.classes import Classes, neural_collapse, tolerance
from dipole.evaluation.geometry.hubs import HUB_ROWS, hubness
from dipole.evaluation.geometry.pairs import (
    RANDOM_PAIRS,
    Threshold,
    alignment,
    centroid_distance,
    cosines_of,
    length_bias,
    pair_cosines,
    random_pairs,
    separability,
    threshold,
)
from dipole.evaluation.geometry.space import (
    PAIR_ROWS,
    Moments,
    average_cosine,
    effective_rank,
    iso_score,
    partition_isotropy,
    singular_values,
    uniformity,
    uniformity_floor,
    vectors_checked,
)

# Measure -> where it is best or what it says; the order of the table. {d}, {floor}, {simplex} are
# filled in.
READINGS = {
    "uniformity": "lower is more even; the uniform law has {floor}, collapse 0",
    "uniformity (first)": "of the first side alone",
    "uniformity (second)": "of the second side alone",
    "average cosine": "isotropic 0, one direction 1",
    "partition isotropy": "isotropic 1",
    "IsoScore": "isotropic 1, one direction 0",
    "effective rank": "of {d}; vectors of length 1",
    "RankMe": "of {d}; vectors as they are",
    "hubness skewness": "0 without hubs",
    "anti-hubs": "share that is nobody's near neighbour",
    "alignment": "0 where positives coincide, 2 at right angles",
    "positive cosine": "mean",
    "random cosine": "mean",
    "threshold": "5 % of random pairs reach it",
    "recall at threshold": "share of positives that reach it",
    "equal error": "share of errors where both kinds are alike",
    "overlap": "of the two densities: 0 apart, 1 alike",
    "centroid distance": "0 where both sides have one centre, at most 2",
    "separability": "of the two sides: one cloud 0.5, apart 1",
    "tolerance": "mean cosine inside a class",
    "tolerance (raw)": "the same over all pairs",
    "within-class collapse": "NC1: 0 where each class is a point",
    "class norm spread": "NC2: 0 where class means have one norm",
    "class cosine mean": "NC2: a simplex has {simplex}",
    "class cosine spread": "NC2: 0 where all angles are alike",
    "distance to simplex": "0 is there",
    "distance to frame": "0 where class means are orthogonal",
    "length ~ norm": "rank correlation of text length; 0: no bias",
    "length ~ centre": "with the cosine to the mean direction",
    "length ~ pairs": "of differences of length with the cosine",
}


@dataclass(frozen=True, eq=False)
class Geometry:
    """What `measure_geometry` found; `numbers` is nan where a measure is not defined.

    readings: what each number means. notes: what was sampled or is degenerate. singular: the
    spectrum of the unit vectors. similarities: cosines by kind (positive, random).
    """

    system: str
    n: int
    dim: int
    numbers: dict[str, float]
    readings: dict[str, str] = field(repr=False)
    notes: tuple[str, ...]
    singular: np.ndarray = field(repr=False)
    similarities: dict[str, np.ndarray] = field(repr=False)
    threshold: Threshold | None = None

    def __getitem__(self, measure: str) -> float:
        if measure not in self.numbers:
            raise InputError(f"no measure {measure!r}; expected one of {', '.join(self.numbers)}")
        return self.numbers[measure]


def measure_geometry(
    vectors: Any,
    second: Any = None,
    *,
    labels: Any = None,
    lengths: Any = None,
    system: str = "vectors",
    seed: int = 0,
) -> Geometry:
    """Every measure of geometry that the given arrays allow.

    vectors (n, d): alone they give uniformity, isotropy, rank, hubness. second (n, d): the positive
    of each row, another text or modality; adds alignment, the threshold, the gap between the two
    sides; the first group is then of all 2n vectors. labels (n,): adds tolerance, collapse and,
    without second, the threshold of pairs inside a class. lengths (n,): adds the length bias.
    Memory is bounded by the arrays: sums run in blocks, pairs beyond 20,000 vectors are a sample,
    and `notes` says so.

    Raises InputError: fewer than two vectors, a value that is not finite, shapes that do not fit,
    labels of one class only.

    >>> measure_geometry(np.eye(4))["uniformity"]
    -4.0
    """
    first = vectors_checked(_array(vectors))
    clouds = [first]
    if second is not None:
        other = vectors_checked(_array(second), "second vectors")
        if other.shape != first.shape:
            raise InputError(
                f"geometry: vectors {first.shape}, second {other.shape}; expected the same shape"
            )
        clouds.append(other)
    n, d = sum(map(len, clouds)), first.shape[1]
    numbers: dict[str, float] = {}
    notes: list[str] = []
    moments = Moments.of(*clouds)
    if moments.zeros:
        notes.append(f"{moments.zeros} vectors have length 0: at right angles to all others")
    singular = singular_values(moments.unit_gram)
    _measure_space(numbers, clouds, moments, singular, seed)
    if n > PAIR_ROWS:
        notes.append(f"uniformity: all pairs of {PAIR_ROWS:,} random vectors of {n:,}")
    if len(clouds[-1]) > HUB_ROWS:
        notes.append(f"hubness: {HUB_ROWS:,} random vectors of {len(clouds[-1]):,}")
    if numbers["average cosine"] > 1 - 1e-6:
        notes.append("all vectors point in one direction: the model has collapsed")

    positive: np.ndarray | None = None
    i, j = random_pairs(len(first), RANDOM_PAIRS, seed)
    if second is not None:
        positive = pair_cosines(first, other)
        numbers["alignment"] = alignment(first, other)
    if labels is not None:
        names, codes = np.unique(np.asarray(labels), return_inverse=True)
        if len(names) < 2:
            raise InputError("geometry: all labels are the same; expected at least 2 classes")
        _measure_classes(numbers, Classes.of(first, labels))
        if positive is None and np.bincount(codes).max() > 1:
            one, another = _same_class(codes, seed)
            positive = cosines_of(first, one, first, another)
            notes.append("positive: random pairs inside a class")
        notes.append("random: pairs of different classes")
        i, j = i[codes[i] != codes[j]], j[codes[i] != codes[j]]
    random = cosines_of(first, i, clouds[-1], j)
    found = None
    if positive is not None:
        numbers["positive cosine"] = float(positive.mean())
    numbers["random cosine"] = float(random.mean())
    if positive is not None:
        found = threshold(positive, random)
        numbers["threshold"] = found.value
        numbers["recall at threshold"] = found.recall
        numbers["equal error"] = found.equal_error
        numbers["overlap"] = found.overlap
    if second is not None:
        numbers["centroid distance"] = centroid_distance(first, other)
        numbers["separability"] = separability(first, other, seed=seed)
    if lengths is not None:
        for what, value in length_bias(first, np.asarray(lengths), seed=seed).items():
            numbers[f"length ~ {what}"] = value

    classes = 0 if labels is None else len(names)
    filled = {
        "d": d,
        "floor": f"{uniformity_floor(d):.3f}",
        "simplex": f"{-1 / (classes - 1):.3f}" if classes > 1 else "",
    }
    ordered = {name: numbers[name] for name in READINGS if name in numbers}
    return Geometry(
        system, n, d, ordered, {name: READINGS[name].format(**filled) for name in ordered},
        tuple(notes), singular,
        {"random": random} if positive is None else {"positive": positive, "random": random},
        found,
    )  # fmt: skip


def evaluate_geometry(
    encoder: Any,
    data: Any = None,
    *,
    labels: Any = None,
    system: str = "encoder",
    seed: int = 0,
    show_progress: bool = False,
) -> Geometry:
    """`measure_geometry` of an encoder on data: pairs, labelled examples, texts, retrieval data.

    Pairs and triplets: anchors in the role "query", positives in the role "document". Retrieval
    data: each query with its most relevant document. The length of a text is that in characters.
    Without data `encoder` is an array of vectors (n, d). Raises InputError, as for bad vectors.
    """
    if data is None:
        if hasattr(encoder, "encode") or callable(encoder):
            raise InputError(f"geometry: {system} is an encoder and there is no data to encode")
        return measure_geometry(encoder, labels=labels, system=system, seed=seed)
    if is_readable(data) and not hasattr(data, "qrels"):
        data = _of_table(data)
    encode = encode_function(encoder, show_progress)

    def side(inputs: Sequence[Any], ids: Sequence[str], role: str, what: str) -> np.ndarray:
        return vectors_of(encode, inputs, role, ids, what, system)

    second = None
    if hasattr(data, "qrels"):
        best = {q: max(of, key=of.__getitem__) for q, of in data.qrels.items() if any(of.values())}
        pairs = [(q, document) for q, document in best.items() if document in data.corpus]
        if not pairs:
            raise InputError("geometry: no query has a relevant document; expected pairs")
        inputs: Sequence[Any] = [data.queries[query] for query, _ in pairs]
        first = side(inputs, [query for query, _ in pairs], "query", "query")
        ids = [document for _, document in pairs]
        second = side([data.corpus[document] for document in ids], ids, "document", "document")
    else:
        fields = getattr(data, "FIELDS", {})
        name = next((f for f in ("anchor", "input", "text") if f in fields), None)
        if name is None:
            raise InputError(
                f"geometry: found {type(data).__name__}; expected pairs, triplets, labelled "
                "examples, texts or retrieval data"
            )
        inputs, ids = data.column(name), list(data.ids)
        role = "query" if "positive" in fields else "document"
        first = side(inputs, ids, role, name)
        if "positive" in fields:
            second = side(data.column("positive"), ids, "document", "positive")
        if "label" in fields and labels is None:
            labels = list(data.column("label"))
    lengths = [len(text) for text in inputs] if isinstance(inputs[0], str) else None
    return measure_geometry(first, second, labels=labels, lengths=lengths, system=system, seed=seed)


def _of_table(data: Any) -> Any:
    """Pairs of a table in memory, or what has no partner."""
    from dipole.data import load_inputs
    from dipole.data.columns import ColumnsError
    from dipole.evaluation.encoding import given

    try:
        return given(data, "geometry", "Pairs")
    except ColumnsError:
        return load_inputs(data, split="all")


def _measure_space(
    numbers: dict[str, float],
    clouds: list[np.ndarray],
    moments: Moments,
    singular: np.ndarray,
    seed: int,
) -> None:
    numbers["uniformity"] = uniformity(*clouds, seed=seed)[0]
    if len(clouds) == 2:
        numbers["uniformity (first)"] = uniformity(clouds[0], seed=seed)[0]
        numbers["uniformity (second)"] = uniformity(clouds[1], seed=seed)[0]
    numbers["average cosine"] = average_cosine(moments)
    numbers["partition isotropy"] = partition_isotropy(*clouds, moments=moments)
    numbers["IsoScore"] = iso_score(moments)
    numbers["effective rank"] = effective_rank(singular)
    numbers["RankMe"] = effective_rank(singular_values(moments.raw_gram))
    # Hubs among what is searched: the second side, by queries of the first.
    hubs = hubness(clouds[0], clouds[1] if len(clouds) == 2 else None, seed=seed)
    numbers["hubness skewness"] = hubs.skewness
    numbers["anti-hubs"] = hubs.anti_hubs


def _measure_classes(numbers: dict[str, float], classes: Classes) -> None:
    numbers["tolerance"], numbers["tolerance (raw)"] = tolerance(classes)
    collapse = neural_collapse(classes)
    numbers["within-class collapse"] = collapse.within
    numbers["class norm spread"] = collapse.norm_spread
    numbers["class cosine mean"] = collapse.cosine_mean
    numbers["class cosine spread"] = collapse.cosine_std
    numbers["distance to simplex"] = collapse.to_simplex
    numbers["distance to frame"] = collapse.to_frame


def _same_class(codes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs i != j of one class, as row numbers."""
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    start = np.cumsum(counts) - counts
    place = np.empty(len(codes), np.int64)
    place[order] = np.arange(len(codes))
    rng = np.random.default_rng(seed)
    paired = np.flatnonzero(counts[codes] > 1)
    i = rng.choice(paired, RANDOM_PAIRS)
    size, begin = counts[codes[i]], start[codes[i]]
    return i, order[begin + (place[i] - begin + rng.integers(1, size)) % size]


def _array(vectors: Any) -> np.ndarray:
    if hasattr(vectors, "detach"):
        vectors = vectors.detach().cpu().float().numpy()
    return np.asarray(vectors)
