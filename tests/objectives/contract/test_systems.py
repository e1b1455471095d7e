"""Every system of the catalogue that promises a loss has one that can be built as it is written."""

import re

import pytest

import dipole.objectives
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import OBJECTIVES, objective_class
from dipole.objectives.contract.systems import SYSTEMS

# The losses that were asked for, by the id of their system.
ASKED = {
    "supcon",
    "dcl",
    "mv-dhel",
    "poly-view",
    "kernel-infonce",
    "macl",
    "isogclr",
    "cacr",
    "cwcl",
    "csgcl",
    "gcl-marqo",
    "dclr",
    "diht",
    "mochi",
    "debcse",
    "clusterns",
    "esimcse",
    "moco-dual-hard",
    "degla",
    "ro-vit",
    "softmask-vl",
    "kalm-embedding-v2",
    "contrastive-gap",
    "gml-long-tail",
    "amcl",
    "hydra",
    "siglip",
    "multi-similarity",
    "promcse",
    "proto-triplet-icnn",
    "align-uniform",
    "ssl-generalization",
    "swav",
    "whitenedcse",
    "clip-rocket",
    "codiemb",
    "sycl",
    "groco",
    "ranking-sentence-gen",
    "cadet",
    "dse",
    "supremix",
    "metrix",
    "clrcmd",
    "sparc",
    "gram",
}
NAMES = {name: getattr(dipole.objectives, name) for name in dipole.objectives.__all__}


def test_nothing_asked_for_is_missing():
    assert set(SYSTEMS) >= ASKED


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_call_builds_an_objective(system):
    call, note = SYSTEMS[system]
    assert isinstance(eval(call, {}, dict(NAMES)), Objective)
    mentioned = re.findall(r"\b([A-Z][A-Za-z]*[a-z][A-Za-z]*|[A-Z]{3,}[A-Za-z]*)\(", call + note)
    assert set(mentioned) <= set(NAMES)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_names_a_system_that_is_there(name):
    assert objective_class(name).system
