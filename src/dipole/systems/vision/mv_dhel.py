"""MV-DHEL: several views in one term use more of the space than pairs of views do."""

from __future__ import annotations

from dipole.studies.benches.training import on_bench
from dipole.studies.claim import AtLeast, Claim, Inequality
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# An arm sees as many images as the arm of two views does in so many epochs.
EPOCHS = 6
RECIPE = Recipe(
    wants=["images"],
    encoder="conv",
    view=["simclr*4"],
    objective="mv-dhel",
    batch_size=256,
    optimizer="sgd",
    optimizer_options={"momentum": 0.9},
    learning_rate=1.0,
    schedule="cosine",
    warmup=0.01,
    weight_decay=1e-6,
    clip_norm=None,
)


def views(count: int) -> dict[str, object]:
    """Settings of so many views at the same number of images seen."""
    return {"view": [f"simclr*{count}"], "epochs": EPOCHS * 2 / count}


SYSTEM = System(
    id="mv-dhel",
    paper=(
        "Koromilas et al. 2025, A Principled Framework for Multi-View Contrastive Learning, "
        "arXiv 2507.06979"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "All views of an example in one term, with the alignment freed from the uniformity, "
            "learn more from more views than the mean of pairwise losses, and use more dimensions."
        ),
        data="fashion-mnist-14",
        settings={"batch_size": 64},
        arms={
            "mv-dhel, 2 views": on_bench(RECIPE, **views(2)),
            "mv-dhel, 4 views": on_bench(RECIPE, **views(4)),
            "mv-dhel, 5 views": on_bench(RECIPE, **views(5)),
        }
        | {
            f"pairwise {t}, 4 views": on_bench(
                RECIPE,
                objective="modalities",
                objective_options={"within": True},
                temperature=t,
                **views(4),
            )
            for t in (0.1, 0.2, 0.5)
        },
        measures=["knn", "geometry"],
        primary=[
            *(
                AtLeast("mv-dhel, 4 views", f"pairwise {t}, 4 views", on="kNN accuracy")
                for t in (0.1, 0.2, 0.5)
            )
        ][0],
        reported="",
        secondary=[
            *(
                AtLeast("mv-dhel, 4 views", f"pairwise {t}, 4 views", on="kNN accuracy")
                for t in (0.1, 0.2, 0.5)
            ),
            AtLeast("mv-dhel, 4 views", "mv-dhel, 2 views", on="kNN accuracy"),
            AtLeast("mv-dhel, 5 views", "mv-dhel, 2 views", on="effective rank"),
            Inequality(
                {"mv-dhel, 4 views": 1.0, "pairwise 0.2, 4 views": -1.3},
                least=0.0,
                on="effective rank",
                says="effective rank: mv-dhel, 4 views >= 1.3 x pairwise 0.2, 4 views",
            ),
        ],
        notes=(
            "Every arm sees the same number of images (epochs scaled by 2 / views). MV-DHEL has the"
            " paper's temperature, 0.2; the baseline, the mean of NT-Xent over pairs of views, is"
            " tried at three. The rank is that of the vectors people use, without the head."
        ),
    ),
)
