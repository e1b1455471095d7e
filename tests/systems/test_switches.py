"""Every part, view and term that a recipe names does something: without it, other weights."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch

import dipole
from dipole.training.recipe import read_recipe
from support import kinds
from support.tiny_bert import save_tiny_bert

HERE = "dipole.systems"
CONTRAST = {"objective": "infonce", "objective_options": {"symmetric": False, "temperature": 0.05}}
MASKED = f"{HERE}.text.clear:Masked"
EPISODE = f"{HERE}.vision.proto_triplet_icnn:Episode"
ICNN = "icnn(views=episode, labels=episode_labels)"
# For the small data of a test.
SMALL = {
    "proto-triplet-icnn": {"sampler_options": {"per_class": 4}, "parts": [{EPISODE: {"shots": 1}}]},
    "dse": {"parts": [{"teacher": {"model": "bm25"}}]},
    "debcse": {"stages": [{"max_steps": 2}, read_recipe("debcse")["stages"][1] | {"max_steps": 2}]},
    "ranking-sentence-gen": {"batch_size": 4},
    "consert": {"learning_rate": 1e-3},
}
# Recipe, kind of data, what is switched off or is otherwise.
CASES = [
    ("simcse", "texts", {"temperature": 0.5}),
    ("simcse", "texts", {"objective_options": {"symmetric": True}}),
    ("esimcse", "texts", {"view": ["same"]}),
    ("esimcse", "texts", {"parts": []}),
    ("esimcse", "texts", {"parts": [{"queue": {"size": 160, "holds": "positive"}}]}),
    ("dse", "graded", {"parts": [], "objective_options": {"distil": 0.0}}),
    ("dse", "graded", {"objective_options": {"distil": 1.0}}),
    ("dse", "graded", {"encoder_options": {"last": 1, "join": "concat", "normalize": False}}),
    ("cadet", "lists", {"objective_options": {"contrast": 0.0}}),
    ("cadet", "lists", {"objective_options": {"doubt": 0.3, "contrast": 0.1}}),
    ("cadet", "pairs", {"mine": {"source": f"{HERE}.retrieval.cadet:lists", "size": 3}}),
    ("promcse", "triplets", CONTRAST),
    ("promcse", "triplets", {"adapter_options": {"length": 4}}),
    ("debcse", "texts", {"stages": [{"max_steps": 2}, {"max_steps": 2}]}),
    ("sycl", "lists", {"objective": "listnet"}),
    ("ranking-sentence-gen", "lists", {"objective_options": {"omega": 0.0}}),
    ("ranking-sentence-gen", "lists", {"parts": [{"teacher": {"decay": 0.0}}]}),
    ("clear", "texts", {"objective": "ntxent", "objective_options": {}, "parts": []}),
    ("clear", "texts", {"objective": MASKED, "objective_options": {}}),
    ("clear", "texts", {"view": ["same"]}),
    ("clear", "texts", {"view": [f"{HERE}.text.clear:DeletedSpans"]}),
    ("consert", "texts", {"view": ["same"], "view_options": {}}),
    ("consert", "texts", {"view": ["feature-cutoff"]}),
    ("consert", "texts", {"view": ["position-shuffle"], "view_options": {}}),
    ("consert", "texts", {"encoder_options": {"last": 1, "join": "mean"}}),
    ("contrastive-gap", "pairs", {"objective": "infonce + align-uniform"}),
    ("contrastive-gap", "pairs", {"objective": "infonce + cross-uniformity"}),
    ("ssl-generalization", "images", {"objective_options": {"redundancy": 1.0}}),
    ("hydra", "labelled", {"objective_options": {"gated": False}}),
    ("proto-triplet-icnn", "labelled", {"objective": "prototypical + proto-triplet"}),
    ("proto-triplet-icnn", "labelled", {"objective": f"prototypical + {ICNN}"}),
    ("proto-triplet-icnn", "labelled", {"objective": f"proto-triplet + {ICNN}"}),
    ("proto-triplet-icnn", "labelled", {"parts": [{EPISODE: {"shots": 2}}]}),
    ("gml-long-tail", "labelled", {"objective": "gml", "objective_options": {"counts": "data"}}),
    (
        "gml-long-tail",
        "labelled",
        {"objective": "logit-adjusted", "objective_options": {}, "parts": ["classes"]},
    ),
    ("gml-long-tail", "labelled", {"objective_options": {}}),
    ("gml-long-tail", "labelled", {"parts": ["classes", {"queue": {"size": 4096}}]}),
]


@cache
def transformer():
    """A small one, for all cases."""
    texts = [text for row in kinds.ROWS for text in row]
    return str(save_tiny_bert(Path(mkdtemp()) / "bert", texts))


def weights(name, kind, difference, folder):
    """The encoder's weights after three steps of a recipe with a difference."""
    folder.mkdir()
    settings = read_recipe(name) | {"batch_size": 8} | SMALL.get(name, {}) | difference
    if settings.get("encoder") == "layers":
        options = settings["encoder_options"]
        settings["encoder_options"] = options | {
            "model": transformer(), "last": min(options["last"], 2)
        }  # fmt: skip
    elif "adapter" in settings:
        settings["encoder"] = transformer()
    elif "encoder" not in settings:
        settings["encoder_options"] = {"dim": 8, "buckets": 64}
    if "stages" not in settings:
        settings["max_steps"] = 3
    data = settings.pop("data", None) or str(kinds.write(kind, folder))
    run = dipole.fit(data, out=folder / "run", show_progress=False, precision="fp32", **settings)
    return {name: x.double() for name, x in run.encoder.weights().items() if x.is_floating_point()}


@pytest.mark.parametrize(("name", "kind", "difference"), CASES)
def test_without_it_the_weights_are_others(name, kind, difference, tmp_path):
    whole = weights(name, kind, {}, tmp_path / "whole")
    other = weights(name, kind, difference, tmp_path / "other")
    shared = whole.keys() & other.keys()
    assert shared
    assert any(
        whole[key].shape != other[key].shape
        or not torch.allclose(whole[key], other[key], atol=1e-7)
        for key in shared
    )


@pytest.mark.parametrize(("name", "kind"), dict.fromkeys((n, k) for n, k, _ in CASES))
def test_the_same_recipe_gives_the_same_weights(name, kind, tmp_path):
    """Or the differences above would say nothing."""
    one = weights(name, kind, {}, tmp_path / "one")
    other = weights(name, kind, {}, tmp_path / "other")
    assert one.keys() == other.keys()
    for key in one:
        torch.testing.assert_close(one[key], other[key], atol=0, rtol=0)
