"""Parts and objectives of systems: one process and two end with the same weights, to rounding."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Inputs, Labeled, Ranked
from support import distributed

WORDS = ["open", "read", "sort", "join", "copy", "list", "print", "close"]
TEXTS = [f"{a} the {b} file" for a in WORDS for b in WORDS[:5]]
EPISODE = "dipole.systems.vision.proto_triplet_icnn:Episode"
# Recipe -> kind of data and what is otherwise; 40 rows, uneven on two processes.
RUNS = {
    "hydra": ("labelled", {"batch_size": 9}),
    "proto-triplet-icnn": (
        "labelled",
        {"batch_size": 15, "sampler_options": {"per_class": 5}, "parts": [{EPISODE: {"shots": 2}}]},
    ),
    "gml-long-tail": ("labelled", {"batch_size": 9}),
    "ranking-sentence-gen": ("lists", {"batch_size": 5}),
    "cadet": ("lists", {"batch_size": 9}),
    "sycl": ("lists", {"batch_size": 9}),
    "quick-thoughts": (
        "texts",
        {"batch_size": 9, "encoder_options": {"width": 6, "embedding": 4}},
    ),
}


def examples(kind):
    if kind == "labelled":
        return Labeled.from_columns({"input": TEXTS, "label": [t.split()[0] for t in TEXTS]})
    if kind == "texts":
        documents = [f"{one}. {other}." for one, other in pairwise(TEXTS)]
        return Inputs.from_columns({"input": documents})
    lists = [[TEXTS[(i + k) % len(TEXTS)] for k in (1, 3, 4, 7)] for i in range(len(TEXTS))]
    worth = [[0.9, 0.5, 0.3, 0.1]] * len(TEXTS)
    return Ranked.from_columns({"query": TEXTS, "candidates": lists, "relevance": worth})


def weights(folder, name):
    """The weights that a recipe ends with, of this process."""
    from dipole.training.recipe import read_recipe

    kind, otherwise = RUNS[name]
    tower = {"encoder_options": {"dim": 8, "buckets": 64, "dropout": 0.0}}
    settings = tower | read_recipe(name) | {"learning_rate": 1e-2, "clip_norm": None} | otherwise
    run = dipole.fit(
        examples(kind), out=folder, max_steps=4, show_progress=False,
        **{key: value for key, value in settings.items() if key != "epochs"},
    )  # fmt: skip
    return {key: x.numpy() for key, x in run.encoder.state_dict().items()}


def part(folder, name):
    distributed.enter()
    return weights(folder, name)


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_end_as_one(name, tmp_path):
    (one,) = distributed.run(1, part, str(tmp_path / "one"), name)
    for several in distributed.run(2, part, str(tmp_path / "two"), name):
        for key, value in one.items():
            if np.issubdtype(value.dtype, np.floating):
                torch.testing.assert_close(
                    torch.tensor(several[key]), torch.tensor(value), rtol=1e-4, atol=2e-5
                )
