"""The answers of the library as they were: numbers that a move of code must not change.

`python -m support.golden` (in tests/) writes tests/golden/*.json anew; a change of a number in
them is explained in the commit that makes it.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from support import kinds

HERE = Path(__file__).parents[1]
FOLDER = HERE / "golden"
WORDS = [f"{a}{b}" for a in "bcdfgl" for b in ("an", "et", "ig", "op", "us", "ar", "el", "in")]
STEPS = 3


def specs() -> dict[str, Any]:
    """The spec of every objective, from its test file."""
    from support.battery import Battery

    found = {}
    for path in sorted((HERE / "objectives").rglob("test_*.py")):
        if path.stem == "test_registry":
            continue
        spec = importlib.util.spec_from_file_location(f"golden_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for thing in vars(module).values():
            if inspect.isclass(thing) and issubclass(thing, Battery) and hasattr(thing, "spec"):
                found[thing.spec.name] = thing.spec
    return dict(sorted(found.items()))


def objectives() -> dict[str, Any]:
    """Value, and norm and slope of every gradient, of every objective in every setting."""
    answers = {}
    for name, spec in specs().items():
        for number, settings in enumerate(spec.settings):
            drawn = spec.inputs(max(6, spec.least), 4, 4, seed=1)
            needed = {k: v for k, v in drawn.items() if k not in spec.optional}
            for label, inputs in (("all", drawn), ("needed", needed)):
                answers[f"{name} {number} {label}"] = _answer(spec.build(settings), inputs)
    return answers


def _answer(objective: Any, inputs: dict[str, torch.Tensor]) -> dict[str, Any]:
    leaves = {k: v.clone() for k, v in inputs.items()}
    for tensor in leaves.values():
        tensor.requires_grad_(tensor.is_floating_point())
    value = objective(**leaves)
    learnt = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    wanted = learnt | {k: v for k, v in leaves.items() if v.requires_grad}
    gradients = torch.autograd.grad(value, list(wanted.values()), allow_unused=True)
    generator = torch.Generator().manual_seed(3)
    numbers = {"value": value.item()}
    for key, gradient in sorted(zip(wanted, gradients, strict=True)):
        if gradient is None:
            continue
        step = torch.randn(gradient.shape, generator=generator, dtype=torch.float64)
        numbers[f"norm of {key}"] = gradient.norm().item()
        numbers[f"slope of {key}"] = float((gradient * step).sum())
    return numbers


def recipes() -> dict[str, Any]:
    """Norms of the weights after three steps of every recipe of one stage whose tower is made of
    the data: one that is for a transformer is left out, as its word pieces come in any order."""
    from dipole.systems import recipes as stored

    plain = {name for name, recipe in stored().items() if _is_plain(recipe.settings)}
    return {name: _trained(name) for name in sorted(plain)}


def _is_plain(settings: Any) -> bool:
    encoder = settings.get("encoder", "")
    is_pretrained = encoder == "layers" or encoder.endswith(":DomainExperts")
    is_pretrained |= settings["wants"] == ["preferences"]
    is_made = not is_pretrained and "adapter" not in settings
    is_of_layers = "matryoshka.layers" in settings.get("objective_options", {})
    return is_made and "stages" not in settings and not is_of_layers


def _trained(name: str) -> dict[str, float]:
    import dipole
    from dipole.training.recipe import read_recipe

    settings = {"batch_size": 16, "precision": "fp32"} | read_recipe(name) | {"max_steps": STEPS}
    kind = settings["wants"][0]
    with tempfile.TemporaryDirectory() as folder:
        data: str | Path = "digits"
        of_two = kind in ("image-text", "modalities") and "pairs" not in settings["wants"]
        if settings.get("sampler") == "sources":
            (Path(folder) / "more").mkdir()
            settings["sources"] = [str(kinds.write("pairs", Path(folder) / "more"))]
        if of_two:
            data = kinds.write(kind, Path(folder))
        elif "encoder" in settings and kind not in ("texts", "pairs"):
            settings["wants"] = []  # nobody asked for their classes
        elif kind in ("texts", "pairs", "image-text"):
            data = Path(folder) / "data.csv"
            data.write_text(_table(one_sided=kind == "texts"), encoding="utf-8")
        else:
            data = kinds.write(kind, Path(folder))
        if "encoder" not in settings and not of_two:
            settings["encoder_options"] = {"dim": 16} | settings.get("encoder_options", {})
        if "per_class" in settings.get("sampler_options", {}):  # of 4 rows
            settings |= {"sampler_options": {"per_class": 4}, "batch_size": 16}
        if name == "proto-triplet-icnn":
            settings["parts"] = [
                {part: {"shots": 1}} for parts in settings["parts"] for part in parts
            ]
        run = dipole.fit(data, out=Path(folder) / "run", show_progress=False, **settings)
        return {k: float(v.double().norm()) for k, v in sorted(run.encoder.weights().items())}


def _table(*, one_sided: bool) -> str:
    rows = [(f"what {w} does with {v}", f"{w} is the {v} of it") for w in WORDS for v in WORDS[:4]]
    if one_sided:
        return "text\n" + "".join(f"{anchor}\n" for anchor, _ in rows)
    return "anchor,positive\n" + "".join(f"{anchor},{positive}\n" for anchor, positive in rows)


def cli() -> dict[str, Any]:
    """What the command line says."""
    from support.golden_cli import answers

    return dict(answers())


PARTS = {"objectives": objectives, "recipes": recipes, "cli": cli}


def stored(part: str) -> dict[str, Any]:
    """What was written."""
    answers: dict[str, Any] = json.loads((FOLDER / f"{part}.json").read_text(encoding="utf-8"))
    return answers


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        text = json.dumps(PARTS[part](), indent=0, sort_keys=True)
        (FOLDER / f"{part}.json").write_text(text + "\n", encoding="utf-8")
