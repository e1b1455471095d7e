"""Aligners that compare the vectors of words: SimAlign's, awesome-align's, optimal transport."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.links import Links
from dipole.aligning.words.matching import best_sources, best_targets, iterated, matched
from dipole.aligning.words.methods import Aligner
from dipole.aligning.words.similarity import similarities
from dipole.aligning.words.states import Units, folded, states
from dipole.aligning.words.symmetrising import symmetrise
from dipole.aligning.words.thresholding import both_ways
from dipole.aligning.words.transport import Problem, costs, moved, plan
from dipole.declared import Count, NotNegative, Positive, Range, Share, setting
from dipole.encoders.base import Encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# Sentence pairs whose vectors are held at once.
BLOCK = 1024

Layer = Annotated[int, Range(0)]


class Matcher(Aligner):
    """An aligner that compares vectors of words, given by any encoder; see `states`.

    A matcher of your own is a subclass in a file with a `match`.

    layer: of a transformer, 0 for its embeddings; None: two thirds of the way up.
    average: one vector for each word, the mean of its pieces; else pieces are linked, and words of
        which any pieces are.
    """

    layer: Layer | None = setting(default=None, kw_only=True)
    average: bool = setting(default=False, kw_only=True)

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """Links of vectors (m, d) and (n, d)."""
        raise NotImplementedError

    def centre(self, sides: list[list[Units]]) -> list[list[Units]]:
        """All vectors that are held, before they are compared; here as they are."""
        return sides

    def align(
        self, bitext: Bitext, symmetry: str | None, encoder: Encoder | None = None
    ) -> list[Links]:
        """The links of every sentence pair."""
        if encoder is None:
            raise InputError(f"encoder: found none; expected one for {type(self).__name__}")
        self._check(encoder)
        found: list[Links] = []
        for start in range(0, len(bitext), BLOCK):
            block = slice(start, start + BLOCK)
            sides = [
                states(encoder, bitext.source[block], "query", self.layer),
                states(encoder, bitext.target[block], "document", self.layer),
            ]
            found += self.linked(sides, symmetry)
        return found

    def linked(self, sides: list[list[Units]], symmetry: str | None = None) -> list[Links]:
        """The links of words whose vectors are given, source and target."""
        found: list[Links] = []
        for source, target in zip(*self.centre(sides), strict=True):
            if not (len(source.words) and len(target.words)):
                found.append(frozenset())
                continue
            one, other = (u.averaged() if self.average else u for u in (source, target))
            found.append(folded(self.match(one.vectors, other.vectors, symmetry), one, other))
        return found

    def _check(self, encoder: Encoder) -> None:
        for role in encoder.roles:
            tower = encoder.side(role)
            if self.layer is None:
                continue
            if not isinstance(tower, TransformerText):
                raise InputError(
                    f"layer: found {self.layer} for {type(tower).__name__}, which has no layers; "
                    "expected a transformer"
                )
            if self.layer > tower.layers:
                raise InputError(
                    f"layer: found {self.layer}; expected 0 to {tower.layers}, as the encoder has"
                )


class Argmax(Matcher):
    """SimAlign's argmax: for every word the most similar one, from both sides.

    distortion: how much less a similarity counts where places lie apart.
    """

    symmetry = "intersect"
    distortion: Share = 0.0

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """Both directions, made one."""
        found = similarities(x, y, self.distortion)
        return symmetrise(best_sources(found), best_targets(found), symmetry or self.symmetry)


class IterMax(Matcher):
    """SimAlign's itermax: argmax, and again among the words left (`iterated`)."""

    rounds: Count = 2
    distortion: Share = 0.0

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """As `iterated`."""
        return iterated(similarities(x, y, self.distortion), self.rounds)


class MWMF(Matcher):
    """SimAlign's match: the matching of the highest total similarity (`matched`)."""

    distortion: Share = 0.0

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """As `matched`."""
        return matched(similarities(x, y, self.distortion))


class Softmax(Matcher):
    """awesome-align's extraction by softmax (`both_ways`).

    temperature: of the dot products; 1 for states of a pretrained transformer, lower for vectors of
        length 1.
    """

    threshold: Share = 1e-3
    temperature: Positive = 1.0

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """As `both_ways`."""
        return both_ways(x @ y.T / self.temperature, self.threshold)


class Entmax(Matcher):
    """awesome-align's extraction by 1.5-entmax (`both_ways`)."""

    threshold: Share = 0.0
    temperature: Positive = 1.0

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """As `both_ways`."""
        return both_ways(x @ y.T / self.temperature, self.threshold, sparse=True)


class Transport(Matcher):
    """Optimal transport (`plan`): a link where a scaled plan passes a threshold.

    Vectors are those of words, less the mean over all pieces of both sides (of 1,024 pairs at a
    time). The authors tune `tau` and `threshold` on gold links; these are starting points.
    """

    average: bool = setting(default=True, kw_only=True)
    problem: Problem = "unbalanced"
    tau: Positive = 0.5
    threshold: Share = 0.3
    eps: Annotated[float, Range(0.01)] = 0.1
    distortion: NotNegative = 0.0
    cost: Literal["cosine", "euclidean"] = "cosine"
    mass: Literal["uniform", "norm"] = "uniform"

    def __post_init__(self) -> None:
        """A share of the mass is 1 at most."""
        if self.problem == "partial" and self.tau > 1:
            raise InputError(f"tau: found {self.tau}; expected at most 1 where problem=partial")

    def centre(self, sides: list[list[Units]]) -> list[list[Units]]:
        """Without the mean of all vectors."""
        rows = [units.vectors for side in sides for units in side if len(units.vectors)]
        if not rows:
            return sides
        mean = np.concatenate(rows).mean(axis=0)
        return [
            [u._replace(vectors=u.vectors - mean) if len(u.vectors) else u for u in side]
            for side in sides
        ]

    def match(self, x: np.ndarray, y: np.ndarray, symmetry: str | None) -> Links:
        """Links of the plan."""
        cost = costs(x, y, cost=self.cost, distortion=self.distortion)
        masses = None
        if self.mass == "norm":
            masses = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
        found = plan(cost, self.problem, tau=self.tau, eps=self.eps, masses=masses)
        return moved(found, self.threshold)
