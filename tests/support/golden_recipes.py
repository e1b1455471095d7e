"""The weights of every recipe after three steps, on kernels that round alike on any processor.

Three steps of Adam make of a last digit a fifth one, and each processor's kernels round their own
way: a stored number is that of the one code path that they all have.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from support import kinds

HERE = Path(__file__).parents[1]
WORDS = [f"{a}{b}" for a in "bcdfgl" for b in ("an", "et", "ig", "op", "us", "ar", "el", "in")]
STEPS = 3
# Read when a library is imported, and so for a process of its own.
REPRODUCIBLE = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OMP_NUM_THREADS": "1",
    "DIPOLE_PRETRAINED": "none",
}


def recipes() -> dict[str, Any]:
    """What `trained` answers in a process with those kernels."""
    done = subprocess.run(
        [sys.executable, "-m", "support.golden_recipes"],
        cwd=HERE,
        env=os.environ | REPRODUCIBLE,
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout))


def trained() -> dict[str, Any]:
    """Norms of the weights after three steps of every recipe of one stage whose tower is made of
    the data: one that is for a transformer is left out, as its word pieces come in any order."""
    from dipole.systems import recipes as stored

    plain = {name for name, recipe in stored().items() if _is_plain(recipe.settings)}
    return {name: _trained(name) for name in sorted(plain)}


def _is_plain(settings: Any) -> bool:
    encoder = settings.get("encoder", "")
    others = ("layers", "spans", "masked", "prompted", "inner", "token-graph")
    is_pretrained = encoder in others or encoder.endswith((":DomainExperts", ":Marked"))
    is_pretrained |= "NextWords" in str(settings)
    is_pretrained |= settings["wants"] == ["preferences"]
    is_pretrained |= "next-token" in settings.get("objective", "")
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


if __name__ == "__main__":
    torch.backends.mkldnn.set_flags(False)  # it makes its code for the processor
    torch.backends.nnpack.set_flags(False)  # it cuts its tiles to the processor's caches
    json.dump(trained(), sys.stdout)
