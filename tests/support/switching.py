"""Every setting that a recipe names, taken away or otherwise, and the weights that then come out.

A place is a path into the settings, as parts/0/queue/size; of a class its name alone.
"""

from __future__ import annotations

import copy
import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

import dipole
from dipole.training.combining import read_inputs, read_sum
from dipole.training.recipe import read_recipe
from support import kinds
from support.tiny_bert import save_tiny_bert
from support.tiny_llama import save_tiny_llama

Settings = dict[str, Any]
Weights = dict[str, torch.Tensor]
GONE = "taken away"
# What says which data and tower it is, how long and in what pieces, how any training goes (which is
# tested with the trainer), what something is called.
OTHER = {
    "wants", "encoder", "image", "batch_size", "epochs", "max_steps", "chunk", "name", "source",
    "optimizer", "optimizer_options", "learning_rate", "schedule", "warmup", "weight_decay",
    "clip_norm",
}  # fmt: skip
# Instead of what a recipe has, by the name of the setting.
INSTEAD = {
    "size": 8, "decay": 0.5, "starts": "empty", "sampler": "unique", "locked": [], "last": 1,
    "adapter": "lora", "matryoshka": [8], "hardest": 4, "after": 0.9, "clusters": 16,
}  # fmt: skip
# What does nothing without a setting, or is refused, goes with it.
WITH = {"sampler": ["sampler_options"], "adapter": ["adapter_options"]}
_OTHER_SIDE = {"anchor": "positive", "positive": "anchor"}


def places(settings: Settings, at: str = "") -> Iterator[tuple[str, Any]]:
    """All that a recipe says, with what stands there."""
    for key, value in settings.items():
        path = f"{at}{key.rpartition(':')[2]}"
        if key in OTHER:
            continue
        if key == "objective":
            yield from ((f"{path}/{n}", t) for n, (_, t) in enumerate(_terms(value)))
        elif isinstance(value, list) and key not in ("locked", "matryoshka"):
            for number, one in enumerate(value):
                if key == "parts":
                    yield f"{path}/{number}", one
                if isinstance(one, dict):
                    yield from places(one, f"{path}/{number}/")
                elif key != "parts":
                    yield f"{path}/{number}", one
        elif isinstance(value, dict):
            if key == "mine":
                yield path, value
            yield from places(value, f"{path}/")
        else:
            yield path, value


def instead(path: str, value: Any) -> Any:
    """What else may stand at a place."""
    *_, name, last = ("", *path.split("/"))
    if name in ("parts", "objective") or last == "mine":
        return GONE
    key = name if last.isdigit() else last
    if key == "view":
        before, equals, view = value.rpartition("=")
        view, star, count = view.partition("*")
        if view == "same" and count:  # so many
            return f"{before}{equals}same*{int(count) + 1}"
        return f"{before}{equals}{'word-deletion' if view == 'same' else 'same'}{star}{count}"
    if key == "holds":
        side = next(side for side in _OTHER_SIDE if side in value)
        return value.replace(side, _OTHER_SIDE[side])
    if key in INSTEAD:
        return INSTEAD[key]
    if isinstance(value, bool):
        return not value
    assert isinstance(value, int | float), f"{path}: {value!r}; expected what else may stand there"
    return value * 2 or 1


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """The settings with something else at these places, or nothing; what it takes along is gone."""
    found = copy.deepcopy(settings)
    for path, value in changes.items():
        _change(found, path, value)
    return found


def _change(settings: Settings, path: str, value: Any) -> None:
    inner: Any = settings
    *before, last = path.split("/")
    for key in before:
        if key == "objective":
            return _drop_term(settings, inner, int(last))
        own = _key(inner, key)
        inner = inner.setdefault(own, {}) if isinstance(inner, dict) else inner[own]
    for name in WITH.get(last, []):
        inner.pop(name, None)
    if value == GONE:
        del inner[_key(inner, last)]
    else:
        inner[_key(inner, last)] = value() if callable(value) else value
    return None


def _key(inner: Any, name: str) -> Any:
    if isinstance(inner, list):
        return int(name)
    return next((key for key in inner if key.rpartition(":")[2] == name), name)


def _terms(text: str) -> list[tuple[float, str]]:
    terms = read_sum(text)
    return terms if len(terms) > 1 else []


def _drop_term(settings: Settings, inner: Settings, number: int) -> None:
    """A term of the sum, its options, and queues that only it asked for."""
    terms = read_sum(inner["objective"])
    del terms[number]
    inner["objective"] = " + ".join(f"{weight:g} * {term}" for weight, term in terms)
    names = {read_inputs(term)[0] for _, term in terms}
    if options := inner.get("objective_options"):
        kept = {k: v for k, v in options.items() if k.rpartition(".")[0] in {"", *names}}
        if len(terms) == 1:
            kept = {key.rpartition(".")[2]: value for key, value in kept.items()}
        inner["objective_options"] = kept

    def is_asked(part: Any) -> bool:
        name = part.get("queue", {}).get("name") if isinstance(part, dict) else None
        return name is None or name in inner["objective"]

    settings["parts"] = [part for part in settings.get("parts", []) if is_asked(part)]


@cache
def transformer(masked: bool = False, dropout: float = 0.1) -> str:
    """A small one, for all; with the head of a masked language model."""
    texts = [t for row in kinds.ROWS for t in row]
    return str(save_tiny_bert(Path(mkdtemp()) / "bert", texts, masked=masked, dropout=dropout))


@cache
def language_model() -> str:
    """A small one, for all."""
    return f"lm:{save_tiny_llama(Path(mkdtemp()) / 'llama')}"


def other_stages(recipe: Settings) -> list[Settings]:
    """The stages of a recipe up to those that repeat the one before with other answers."""
    stages = list(recipe.get("stages", []))
    plain = [changed(stage, {"mine/draw": GONE} if "draw" in stage.get("mine", {}) else {})
             for stage in stages]  # fmt: skip
    same = (n for n in range(2, len(stages)) if plain[n] == plain[n - 1])
    return stages[: next(same, len(stages))]


def small(name: str, kind: str) -> Settings:
    """A recipe with a small tower, for small data of this kind."""
    found = copy.deepcopy(read_recipe(name)) | {"batch_size": 8, "max_steps": 3}
    found |= {"stages": other_stages(found)} if "stages" in found else {}
    for stage in found.get("stages", []):
        stage |= {key: 8 for key in ("batch_size", "chunk") if key in stage}
    for mine in [
        found.get("mine", {}),
        *(stage.get("mine", {}) for stage in found.get("stages", [])),
    ]:
        if mine.get("source") == "self-samples":
            mine |= {"samples": min(mine["samples"], 5), "max_new_tokens": 4}
            mine |= {"count": 2} if "count" in mine else {}
    encoder, options = found.get("encoder", ""), found.get("encoder_options", {})
    if kind == "preferences":
        found |= {"encoder": language_model()}
    elif encoder == "layers":
        edits = any(":Discriminated" in str(part) for part in found.get("parts", []))
        options |= {"model": transformer(masked=edits), "last": min(options["last"], 2)}
    elif encoder.endswith(":DomainExperts"):
        front = dict.fromkeys(("query", "document"), "[a] ")
        options |= {"base": transformer(), "domains": ["a", "b"]}
        found |= {"prompts": front}
    elif encoder == "template":
        options |= {"model": language_model().removeprefix("lm:")}
    elif "adapter" in found or "matryoshka" in found:
        found |= {"encoder": transformer()}
    elif encoder == "spans" or encoder.endswith(":Marked"):
        options |= {"model": transformer()}
    elif encoder in ("masked", "prompted"):
        options |= {"model": transformer(masked=True)} | ({"head": 32} if "head" in options else {})
    elif encoder == "dan":
        options |= {"dim": 8, "width": 8, "buckets": 64}
    elif encoder.endswith(":TwoReaders"):
        options |= {"width": 8, "embedding": 8}
    elif encoder == "conv":
        options |= {"widths": [8]} | ({} if "head" in options else {"head": 4})
    elif encoder == "towers" or (not encoder and kind in ("image-text", "modalities")):
        options |= {"text_options": {"buckets": 64, "dim": 8}}
        if options.get("image") == "vit":
            options["image_options"] = {"dim": 8, "depth": 1} | options.get("image_options", {})
    elif not encoder:
        options |= {"buckets": 64, "dim": 8}
    for part in found.get("parts", []):
        for place, settings in part.items() if isinstance(part, dict) else ():
            if place.endswith(":Discriminated"):
                settings |= {"generator": transformer(masked=True)}
            if place.endswith(":SelfGuide"):
                settings |= {"width": 8}
            if place.endswith(":Rebuilder"):
                settings |= {"layers": 1}
    if str(found.get("mine", {}).get("source")).endswith("declutr:spans"):
        found["mine"] |= {"anchors": 1, "shortest": 1, "longest": 2}
    return found | ({"encoder_options": options} if options else {})


def trained(settings: Settings, kind: str, folder: Path) -> Weights:
    """The encoder's weights after a few steps on data of this kind."""
    folder.mkdir()
    given = dict(settings)
    if given.get("sampler") == "sources" or "sources" in given:
        (folder / "more").mkdir()
        given["sources"] = [_few(kinds.write("pairs", folder / "more"))]
    data = str(kinds.write(kind, folder))
    run = dipole.fit(
        data, out=folder / "run", seed=3, show_progress=False, precision="fp32", **given
    )
    found = run.encoder.weights()
    for number in range(1, len(given.get("stages", []))):
        first = dipole.encoders.load_encoder(run.folder / "stages" / str(number) / "model")
        found |= {f"stage {number}: {name}": x for name, x in first.weights().items()}
    return found


def _few(path: Path) -> str:
    """A table of pairs cut to twelve, so that sources are of two sizes."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[:13]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def differ(one: Weights, other: Weights) -> bool:
    """Whether some weight is another."""
    return one.keys() != other.keys() or any(
        x.shape != other[name].shape or not x.equal(other[name]) for name, x in one.items()
    )
