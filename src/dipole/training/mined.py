"""Examples that a training makes of its data before the first step: hard negatives, lists."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import (
    Examples,
    Pairs,
    Preferences,
    Ranked,
    Scored,
    Triplets,
    load_pairs,
    load_ranked,
)
from dipole.data.cache import digest
from dipole.data.fingerprint import fingerprint as contents
from dipole.data.options import check_names, check_types, keywords
from dipole.devices import device
from dipole.encoders.base import Encoder, fingerprint
from dipole.errors import InputError
from dipole.files import replaced, write_text
from dipole.lookup import find, is_place
from dipole.progress import reporting
from dipole.showing import say
from dipole.training.examples import OF_NEGATIVES, wants_lists
from dipole.training.run.processes import together
from dipole.training.run.task_files import of_task

if TYPE_CHECKING:
    from dipole.training.config import Config

# Of a run: what was mined, and what it was made of.
MINED, MADE_OF = "mined.jsonl", "mined.json"
# Functions that make examples, by name; they are in a room below, and so named as strings.
FUNCTIONS = {
    "self-samples": "dipole.language.self_samples:self_samples",
    "chosen-answers": "dipole.language.self_samples:chosen_answers",
    "rescored": "dipole.language.self_samples:rescored",
}
# Where a kind of examples is that is not in `data.examples`.
_KINDS = {"Preferences": "dipole.data.preferences", "Dialogues": "dipole.data.preferences"}


def takes_mined(config: Config, inputs: Mapping[str, bool], examples: Examples) -> bool:
    """Whether one of several tasks has a use for what is mined."""
    if is_off(config) or _stays(config, examples):
        return False
    if is_function(str(config.mine.get("source"))):
        return not isinstance(examples, Scored)
    return isinstance(examples, Pairs) and bool(OF_NEGATIVES & inputs.keys())


def is_off(config: Config) -> bool:
    """Whether nothing is to be mined: `source: none` takes back what a recipe mines."""
    return not config.mine or config.mine.get("source") == "none"


def is_function(source: str) -> bool:
    """Whether a source makes the examples itself: one of those by name, or a function."""
    return source in FUNCTIONS or is_place(source)


def _stays(config: Config, examples: Examples) -> bool:
    """Whether negatives or lists that the data have are left alone: by all but a function whose
    first argument is annotated as such, `examples: Triplets`."""
    if not isinstance(examples, Triplets | Ranked):
        return False
    source = str(config.mine.get("source"))
    if not is_function(source):
        return True
    function = find("mine", source, FUNCTIONS)
    taken = str(next(iter(inspect.signature(function).parameters.values())).annotation)
    return type(examples).__name__ not in re.findall(r"\w+", taken)


def check_mine(config: Config, inputs: Mapping[str, bool], examples: Examples) -> bool:
    """Whether there is something to mine: negatives or lists that the data have are left alone.

    Raises InputError at settings that cannot be, before any work.
    """
    if is_off(config):
        return False
    from dipole.sampling.filters import make_filters

    options, source = dict(config.mine), str(config.mine.get("source", "encoder"))
    options.pop("source", None)
    if is_function(source):
        function = find("mine", source, FUNCTIONS)
        check_names(options, set(keywords(function)) - {"seed", "show_progress"}, "mine option")
        check_types(function, options, "mine option")
        return not _stays(config, examples)
    if isinstance(examples, Preferences):
        raise InputError(
            f"mine: found the source {source!r} for preferences; expected "
            f"{', '.join(FUNCTIONS)} or file.py:function"
        )
    options.pop("guide", None)
    make_filters(**options)
    if not OF_NEGATIVES & inputs.keys():
        raise InputError(
            f"mine: {config.objective} takes no hard negatives; expected an objective that does, "
            "or no --mine"
        )
    if _stays(config, examples):
        return False
    if not isinstance(examples, Pairs):
        raise InputError(
            f"mine: found {type(examples).__name__} ({examples.origin}); expected pairs of texts "
            "to find negatives for"
        )
    if examples.sources is not None:
        raise InputError("mine: found several data sets; expected one, or no --mine")
    return True


def mined(
    config: Config,
    inputs: Mapping[str, bool],
    examples: Examples,
    encoder: Encoder,
    folder: Path,
    number: int,
    *,
    show_progress: bool,
) -> Examples:
    """The examples of a task with what was mined for them: triplets, lists where the objective
    compares lists, or what a function of one's own makes of them.

    It is kept in the run's folder, and made anew only if data, settings or the model are others.
    """
    source = str(config.mine.get("source", "encoder"))
    encoder.to(device())  # it is to train there
    made_of = digest(config.mine, config.seed, contents(examples)["digest"], fingerprint(encoder))
    path, note = (folder / of_task(name, number) for name in (MINED, MADE_OF))

    def make() -> None:
        before = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        if path.exists() and before.get("made_of") == made_of:
            return
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if is_function(source):
            kind = _by_function(config, source, examples, encoder, path, show_progress)
        else:
            kind = _by_search(config, source, examples, encoder, path, show_progress)
        what = {"mine": config.mine, "seed": config.seed, "data": examples.origin}
        what |= {"model": fingerprint(encoder), "made_of": made_of, "kind": kind}
        write_text(note, json.dumps(what) + "\n")

    together(make)
    kind = json.loads(note.read_text(encoding="utf-8"))["kind"]
    if not kind:
        # The scores of what judged them are a teacher's, where an objective of logits takes some.
        as_lists = wants_lists(inputs) or {"logits", "teacher_scores"} <= inputs.keys()
        found = load_ranked(path) if as_lists else load_pairs(path)
        assert isinstance(found, Triplets | Ranked)
        return found
    return _read(kind, path, f"{source} of {examples.origin}")


def forget(folder: Path) -> None:
    """Remove what was mined for a run that is refused."""
    from dipole.sampling.mining_file import working_folder

    for name in (MINED, MADE_OF):
        for path in folder.glob(of_task(name, "*")):
            path.unlink()
        (folder / name).unlink(missing_ok=True)
    for path in folder.glob(working_folder(folder / of_task(MINED, "*")).name):
        shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(working_folder(folder / MINED), ignore_errors=True)


def _by_search(
    config: Config, source: str, examples: Examples, encoder: Encoder, path: Path, shown: bool
) -> str:
    """What `dipole mine` would find."""
    from dipole.encoders import load_encoder
    from dipole.sampling.filters import make_filters
    from dipole.sampling.mining import Miner
    from dipole.sampling.mining_file import mine_to_file
    from dipole.training.parts.scoring import load_judge

    assert isinstance(examples, Pairs)
    pairs: Pairs = examples
    options = {k: v for k, v in config.mine.items() if k not in ("source", "guide")}
    guide = config.mine.get("guide")
    known: dict[str, Any] = {"bm25": "bm25", "encoder": encoder}
    first = known[source] if source in known else load_encoder(source)
    judge = None if guide is None else load_judge(str(guide))
    filters = make_filters(**{"seed": config.seed} | options)
    with reporting(shown) as said:
        counts = mine_to_file(
            lambda working: Miner(pairs, first, filters, judge=judge, folder=working, said=said),
            path,
            {"mine": config.mine, "encoder": fingerprint(encoder)},
            said,
        )
    if shown:
        say(f"mined: {counts.summary()}", error=True)
    if not counts.negatives:
        raise InputError(
            "mine: found no negatives; expected wider limits (skip, depth, margin, share, most, "
            "least)"
        )
    return ""


def _by_function(
    config: Config, source: str, examples: Examples, encoder: Encoder, path: Path, shown: bool
) -> str:
    """What a function of one's own makes of the examples, written down; the class of these."""
    function = find("mine", source, FUNCTIONS)
    options = {k: v for k, v in config.mine.items() if k != "source"}
    known = inspect.signature(function).parameters
    given = {"seed": config.seed, "show_progress": shown}
    found = function(examples, encoder, **{k: v for k, v in given.items() if k in known}, **options)
    if not isinstance(found, Examples) or not len(found):
        raise InputError(f"mine: {source} gave {found!r:.80}; expected examples")
    with replaced(path) as new, new.open("w", encoding="utf-8") as file:
        taken = found.take(range(len(found)))
        for row in range(len(found)):
            values = {name: taken[name][row] for name in ("id", *found.FIELDS)}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
    if shown:
        say(f"mined: {len(found):,} {type(found).__name__.lower()} from {source}", error=True)
    return type(found).__name__


def _read(kind: str, path: Path, origin: str) -> Examples:
    module = importlib.import_module(_KINDS.get(kind, "dipole.data.examples"))
    cls: type[Examples] = getattr(module, kind)
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    columns = {name: [row[name] for row in rows] for name in cls.FIELDS}
    return cls.from_columns(columns, ids=[row["id"] for row in rows], origin=origin)
