"""A compass for embedders of a domain: thresholds, overlaps and isotropy beside the accuracy."""

from __future__ import annotations

import numpy as np

from dipole.data import Pairs
from dipole.errors import InputError
from dipole.evaluation.geometry.pairs import random_pairs, threshold
from dipole.evaluation.geometry.space import Moments, iso_score, partition_isotropy
from dipole.studies.claim import AtLeast, Claim, Outcome
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System

# Documents of a query that are nearer than all other wrong ones.
NEAREST = 10
ARMS = {
    "untrained": {"max_steps": 1},
    "a tenth of the training": {"epochs": 0.2},
    "trained": {},
    "temperature 0.01": {"temperature": 0.01},
    "temperature 0.2": {"temperature": 0.2},
    "temperature 1": {"temperature": 1.0},
    "16 dimensions": {"encoder_options": {"dim": 16}},
    "words by their rarity": {"encoder_options": {"idf_power": 1.0}},
}


def distributions(model: Trained) -> Measured:
    """How far the cosines of right pairs overlap those of random and of the nearest wrong pairs,
    and two isotropies of all vectors; of the test pairs."""
    if not isinstance(model.test, Pairs):
        raise InputError(f"distributions: found {type(model.test).__name__}; expected pairs")
    asked, answers = (
        np.asarray(model.encoder.encode(list(model.test.column(name)), role=role), np.float64)
        for name, role in (("anchor", "query"), ("positive", "document"))
    )
    cosines = asked @ answers.T
    right = np.diag(cosines).copy()
    chance = cosines[random_pairs(len(cosines))]
    np.fill_diagonal(cosines, -np.inf)
    nearest = -np.partition(-cosines, NEAREST, axis=1)[:, :NEAREST]
    return {
        "overlap with random": threshold(right, chance).overlap,
        "overlap with nearest": threshold(right, nearest.ravel()).overlap,
        "IsoScore": iso_score(Moments.of(asked, answers)),
        "partition isotropy": partition_isotropy(asked, answers),
    }


def correlations(outcome: Outcome) -> dict[str, np.ndarray]:
    """|Spearman's rho| over the encoders between each of the four and MRR@10, seed by seed; of two
    isotropies the larger."""
    from scipy.stats import spearmanr

    def values(name: str) -> np.ndarray:
        return np.stack([outcome[arm][name].mean(axis=1) for arm in ARMS], axis=1)

    def rho(name: str) -> np.ndarray:
        pairs = zip(values("MRR@10"), values(name), strict=True)
        return np.abs([spearmanr(a, b).statistic for a, b in pairs])

    return {
        "overlap with random": rho("overlap with random"),
        "overlap with nearest": rho("overlap with nearest"),
        "isotropy": np.maximum(rho("IsoScore"), rho("partition isotropy")),
    }


SYSTEM = System(
    id="telecom-compass",
    paper=(
        "Roychowdhury et al. 2024, A Compass for Navigating the World of Sentence Embeddings for "
        "the Telecom Domain, arXiv 2406.12336"
    ),
    place="dipole.evaluation.geometry.pairs:threshold",
    claim=Claim(
        sentence=(
            "How far the similarities of right and of random pairs overlap tells which encoder "
            "retrieves well; how isotropic its vectors are does not."
        ),
        bench="pairs",
        arms={
            name: {"objective": "infonce", "temperature": 0.05} | own  # type: ignore[operator]
            for name, own in ARMS.items()
        },
        measures=[f"{__name__}:distributions"],
        derive=correlations,
        primary=AtLeast("overlap with random", "isotropy"),
        delta=0.1,
        reported=(
            "overlaps correlate with accuracy, isotropy by two definitions correlates poorly"
            " (abstract; the coefficients are not confirmed here)"
        ),
        secondary=[AtLeast("overlap with nearest", "isotropy")],
        notes=(
            "Values: the absolute rank correlation of each number with MRR@10 over eight encoders,"
            " per fold. They differ in length of training, temperature, size and in the weights of"
            " words, as the paper's differ in their training. Of IsoScore and the partition"
            " isotropy the one that correlates more is compared: in its favour."
        ),
        lesson=(
            "To choose an encoder, look at how far the similarities of right and of random pairs "
            "overlap (a rank correlation of 0.9 with the accuracy), not at isotropy (0.6)."
        ),
    ),
)
