"""Random numbers belong to rows: processes and pieces change nothing, in trainings by default."""

from pathlib import Path

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Bundles, Inputs, Labeled, Pairs, Triplets
from dipole.encoders import StaticText
from dipole.training import loop
from dipole.training.run import sharding
from support import distributed

STATIC = {"encoder": "static", "encoder_options": {"dim": 16, "buckets": 64}}
IMAGES = {"encoder": "conv", "encoder_options": {"widths": [8]}, "objective": "ntxent"}
DENOISING = {"view": ["same"], "step": "dipole.systems.vision.g_simclr:Denoise:noise=0.3"}
TEXTS = [" ".join(f"word{(i * k) % 17}" for k in range(2, 9)) for i in range(1, 23)]

SIDES = STATIC | {
    "objective": "infonce(positive=positive_view) + "
    "infonce(anchor=positive, positive=teacher_anchor_view, negative=past)",
    "view": ["anchor=word-deletion", "positive=soft-code"],
    "parts": ["teacher:decay=0.5", "queue:size=16,holds=teacher_anchor_view,name=past"],
}

# What draws, as (data, settings); 22 rows in batches of 8: the last one has 6, uneven on 4.
RUNS = {
    "default": ("pairs", STATIC),
    "chunk": ("pairs", STATIC | {"chunk": 3}),
    "words": ("inputs", STATIC | {"view": ["word-deletion", "word-shuffle"]}),
    "words in pieces": ("inputs", STATIC | {"view": ["word-deletion", "word-shuffle"], "chunk": 3}),
    "code": ("inputs", STATIC | {"view": ["soft-code"]}),
    "images": ("images", IMAGES | {"view": ["strong"]}),
    "images in pieces": ("images", IMAGES | {"view": ["strong"], "chunk": 3}),
    "coin mixup": (
        "pairs",
        STATIC | {"parts": ["dipole.systems.vision_language.zerovl:CoinMixup:concentration=0.5"]},
    ),
    # A small rate: Adam takes the rounding of a gradient that cancels for a step of full size.
    "coin mixup of images": (
        "image and text",
        {"encoder": "towers", "chunk": 3, "learning_rate": 1e-3}
        | {"encoder_options": {"dim": 8, "image_options": {"widths": [8]}}}
        | {"parts": ["dipole.systems.vision_language.zerovl:CoinMixup:concentration=0.5"]},
    ),
    "views of both sides": (
        "image and text",
        {"encoder": "towers", "objective": "clip-rocket", "chunk": 3}
        | {"encoder_options": {"image_options": {"widths": [8]}, "text_options": {"buckets": 64}}}
        | {"view": ["anchor=weak", "anchor=strong", "positive=same", "positive=word-deletion"]},
    ),
    "bundles": (
        "bundle",
        {"encoder": "towers", "objective": "gram", "chunk": 3}
        | {
            "encoder_options": {
                "a": "conv",
                "b": "conv",
                "dim": 8,
                "text_options": {"buckets": 64, "dim": 8},
                "a_options": {"widths": [8]},
                "b_options": {"widths": [8]},
            }
        },
    ),
    "own negatives": (
        "listed",
        STATIC
        | {"objective": "degla"}
        | {"parts": ["teacher:decay=0.5", "dipole.systems.vision_language.degla:OwnNegatives"]},
    ),
    "tokens": ("pairs", STATIC | {"objective": "infonce + 0.5 * clrcmd"}),
    "batch norm": (
        "images",
        {"encoder": "conv", "objective": "ntxent", "view": ["weak"]}
        | {"encoder_options": {"widths": [8], "head": {"out": 4, "hidden": 8, "batch_norm": True}}},
    ),
    "denoising": ("images", IMAGES | DENOISING),
    "denoising in pieces": ("images", IMAGES | DENOISING | {"chunk": 3}),
    "teacher beside": (
        "pairs",
        STATIC | {"objective": "sct", "parts": ["teacher", "queue:size=16"]},
    ),
    "views of sides": ("pairs", SIDES),
    "views of sides in pieces": ("pairs", SIDES | {"chunk": 3}),
    "noise": (
        "inputs",
        STATIC
        | {"objective": "dclr"}
        | {"parts": ["teacher:kind=frozen", "dipole.systems.text.dclr:Noise:count=1.5"]},
    ),
    "mixed": (
        "pairs",
        STATIC
        | {"objective": "queue-infonce"}
        | {"parts": ["queue:size=20", "mixed:hardest=8,mixes=4,with_anchor=2"]},
    ),
}
# The gradient of a step: objectives that meet others in each of their ways.
GRADIENTS = {
    "gradient, infonce": ("pairs", STATIC),
    "gradient, ring": ("pairs", STATIC | {"objective_options": {"executor": "ring"}}),
    "gradient, siglip": ("pairs", STATIC | {"objective": "siglip"}),
    "gradient, ntxent": ("inputs", STATIC | {"objective": "ntxent", "view": ["word-deletion"]}),
    "gradient, supcon": ("images", IMAGES | {"objective": "supcon", "view": ["weak"]}),
    "gradient, cropped positions": (
        "images",
        {"encoder": "vit", "objective": "ntxent", "view": ["weak"], "chunk": 3}
        | {"encoder_options": {"dim": 8, "depth": 1, "cropped_positions": True}},
    ),
    "gradient, tokens": ("pairs", STATIC | {"objective": "clrcmd"}),
    # Gradients, not weights: words repeat, and which of two equal tokens is the best match is
    # rounding, which Adam makes large over many steps.
    "gradient, tokens in pieces": ("pairs", STATIC | {"objective": "clrcmd", "chunk": 2}),
    "gradient, queue": ("pairs", STATIC | {"parts": ["queue:size=12"], "chunk": 2}),
    "gradient, teacher": ("pairs", STATIC | {"parts": ["queue:size=12", "teacher"]}),
}
KILL = ("inputs", RUNS["words"][1] | {"parts": ["queue:size=16"], "checkpoint_every": 3})
RUNS["whole"] = KILL
KILLED = (2, 1)  # processes that go on
COMMON = {"batch_size": 8, "epochs": 2}
SAME = {"chunk": "default", "words in pieces": "words", "images in pieces": "images"}
SAME |= {"denoising in pieces": "denoising"}
SAME |= {"views of sides in pieces": "views of sides"}


def data(kind):
    rng = np.random.default_rng(0)
    if kind == "pairs":
        return Pairs.from_columns({"anchor": TEXTS, "positive": [t[::-1] for t in TEXTS]})
    if kind == "inputs":
        return Inputs.from_columns({"input": TEXTS})
    pixels = rng.integers(0, 256, (22, 8, 8, 3), dtype=np.uint8)
    if kind == "bundle":
        return Bundles.from_columns({"a": pixels, "b": pixels[:, ::-1], "text": TEXTS})
    if kind == "image and text":
        return Pairs.from_columns({"anchor": pixels, "positive": TEXTS})
    if kind == "listed":  # a process may have a part without any
        columns = {"anchor": TEXTS, "positive": [t[::-1] for t in TEXTS]}
        lists = [[f"far {i}", f"off {i}"] if i % 3 == 0 else [] for i in range(len(TEXTS))]
        return Triplets.from_columns({**columns, "negatives": lists})
    return Labeled.from_columns({"input": pixels, "label": [0, 1] * 11})


def weights(folder, kind, settings):
    """The weights that a run ends with, of this process."""
    run = dipole.fit(data(kind), out=folder, show_progress=False, **(COMMON | settings))
    if isinstance(run.encoder, StaticText):
        return {name: x.numpy() for name, x in run.encoder.state_dict().items()}
    return {name: x.numpy() for name, x in run.encoder.weights().items()}


def job(folder):
    """Every run on the processes that are there, killed ones, and gradients."""
    rank, processes = distributed.enter()
    found = {
        name: weights(Path(folder) / name, kind, settings)
        for name, (kind, settings) in RUNS.items()
    }
    found |= {name: gradients(Path(folder) / name, *GRADIENTS[name]) for name in GRADIENTS}
    for after in KILLED if processes == 2 else ():
        killed(Path(folder) / f"killed {after}")
    return found if rank == 0 else None


def gradients(folder, kind, settings):
    """Of every step of a run, before they are clipped."""
    found = {}
    clip = sharding.clip_norm

    def record(towers, largest):
        step = len(found)
        found[step] = {
            name: parameter.grad.numpy().copy()
            for name, parameter in towers.named_parameters()
            if parameter.grad is not None
        }
        return clip(towers, largest)

    sharding.clip_norm = record
    try:
        weights(folder, kind, settings | {"max_steps": 3, "epochs": None, "clip_norm": 1.0})
    finally:
        sharding.clip_norm = clip
    return found


def killed(folder):
    """A run that ends in the middle of its fifth step, behind a checkpoint."""
    step = loop.Trainer._step

    def until(trainer, batch):
        if trainer.progress.step == 4:
            raise KeyboardInterrupt
        return step(trainer, batch)

    loop.Trainer._step = until
    try:
        weights(folder, *KILL)
    except KeyboardInterrupt:
        return
    finally:
        loop.Trainer._step = step
    raise AssertionError("not killed")


def resume(folder):
    """What a killed run ends with."""
    distributed.enter()
    kind, settings = KILL
    return weights(Path(folder), kind, settings | {"resume": True})


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Number of processes -> name of a run -> its weights."""
    folder = tmp_path_factory.mktemp("rows")
    found = {n: distributed.run(n, job, str(folder / str(n)))[0] for n in (1, 2, 4)}
    for after in KILLED:
        ends = distributed.run(after, resume, str(folder / "2" / f"killed {after}"))
        found[2][f"killed {after}"] = ends[0]
    return found


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


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("name", GRADIENTS)
def test_the_gradient_is_that_of_one_process(ends, name, processes):
    assert len(ends[1][name]) == 3
    for step, expected in ends[1][name].items():
        for parameter, value in expected.items():
            found = torch.tensor(ends[processes][name][step][parameter])
            value = torch.tensor(value)
            torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-6)
            if value.norm() > 1e-4:
                assert abs(found.norm() / value.norm() - 1) < 1e-5


def test_killed_on_two_processes_it_goes_on_to_the_bit_and_on_one_to_rounding(ends):
    for name, value in ends[2]["whole"].items():
        np.testing.assert_array_equal(ends[2]["killed 2"][name], value)
    close(ends[2]["killed 1"], ends[2]["whole"])
