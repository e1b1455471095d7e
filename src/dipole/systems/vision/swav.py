"""SwAV: every view predicts the balanced cluster assignment of the others; small crops beside."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="swav",
    paper=(
        "Caron et al. 2020, Unsupervised Learning of Visual Features by Contrasting Cluster "
        "Assignments, arXiv 2006.09882"
    ),
    # Two full crops and six small ones; the prototypes stand still for the first epoch of 400, the
    # queue of small batches waits for 15 (facebookresearch/swav, swav_400ep_bs256_pretrain.sh). The
    # rate is for SGD in LARC, trust 0.001 and unclipped, which is LARS but that it scales biases
    # and normalisation too; their cosine ends at a thousandth of the rate, ours at 0.
    recipe=Recipe(
        wants=["images"],
        encoder="conv",
        view=["multi-crop"],
        view_options={"local": 6},
        objective="swav",
        objective_options={"still": 1 / 400},
        temperature=0.1,
        batch_size=256,
        optimizer="lars",
        optimizer_options={"momentum": 0.9},
        learning_rate=0.6,
        schedule="cosine",
        warmup=0,
        weight_decay=1e-6,
        clip_norm=None,
        parts=[{"queue": {"size": 3840, "after": 15 / 400}}],
    ),
)
