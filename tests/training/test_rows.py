"""Random numbers belong to rows: processes and pieces change nothing, in trainings by default."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from dipole.data import Inputs, Labeled, Pairs
from support import distributed

STATIC = {"encoder": "static", "encoder_options": {"dim": 16, "buckets": 64}}
IMAGES = {"encoder": "conv", "encoder_options": {"widths": [8]}, "objective": "ntxent"}
TEXTS = [" ".join(f"word{(i * k) % 17}" for k in range(2, 9)) for i in range(1, 23)]

# What draws, as (data, settings); 22 rows in batches of 8: the last one has 6, uneven on 4.
RUNS = {
    "default": ("pairs", STATIC),
    "chunk": ("pairs", STATIC | {"chunk": 3}),
    "words": ("inputs", STATIC | {"view": ["word-deletion", "word-shuffle"]}),
    "words in pieces": ("inputs", STATIC | {"view": ["word-deletion", "word-shuffle"], "chunk": 3}),
    "code": ("inputs", STATIC | {"view": ["soft-code"]}),
    "images": ("images", IMAGES | {"view": ["strong"]}),
    "images in pieces": ("images", IMAGES | {"view": ["strong"], "chunk": 3}),
    "teacher beside": ("pairs", STATIC | {"objective": "sct", "teacher": "ema", "queue": 16}),
    "mixed": (
        "pairs",
        STATIC
        | {"objective": "queue-infonce", "queue": 20}
        | {"mixed": {"hardest": 8, "mixes": 4, "with_anchor": 2}},
    ),
}
SAME = {"chunk": "default", "words in pieces": "words", "images in pieces": "images"}


def data(kind):
    rng = np.random.default_rng(0)
    if kind == "pairs":
        return Pairs.from_columns({"anchor": TEXTS, "positive": [t[::-1] for t in TEXTS]})
    if kind == "inputs":
        return Inputs.from_columns({"input": TEXTS})
    pixels = rng.integers(0, 256, (22, 8, 8, 3), dtype=np.uint8)
    return Labeled.from_columns({"input": pixels, "label": [0, 1] * 11})


def weights(folder, kind, settings):
    """The weights that a run ends with, of this process."""
    import dipole
    from dipole.encoders import StaticText

    run = dipole.fit(data(kind), out=folder, show_progress=False, **settings)
    if isinstance(run.encoder, StaticText):
        return {name: x.numpy() for name, x in run.encoder.state_dict().items()}
    return {name: x.numpy() for name, x in run.encoder.weights().items()}


def job(folder):
    """Every run on the processes that are there."""
    from accelerate.state import AcceleratorState, PartialState

    rank, processes = dist.get_rank(), dist.get_world_size()
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "1"}  # the group is there already
    AcceleratorState._reset_state(True)
    PartialState._reset_state()
    common = {"batch_size": 8, "epochs": 2}
    found = {
        name: weights(Path(folder) / name, kind, common | settings)
        for name, (kind, settings) in RUNS.items()
    }
    assert PartialState().num_processes == processes
    return found if rank == 0 else None


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Number of processes -> name of a run -> its weights."""
    folder = tmp_path_factory.mktemp("rows")
    return {n: distributed.run(n, job, str(folder / str(n)))[0] for n in (1, 2, 4)}


def close(found, wanted):
    for name, value in wanted.items():
        torch.testing.assert_close(
            torch.tensor(found[name]), torch.tensor(value), rtol=1e-5, atol=3e-6
        )


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("name", RUNS)
def test_the_number_of_processes_changes_nothing(ends, name, processes):
    close(ends[processes][name], ends[1][name])


@pytest.mark.parametrize("name", SAME)
def test_the_size_of_a_piece_changes_nothing(ends, name):
    close(ends[1][name], ends[1][SAME[name]])
