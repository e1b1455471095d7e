"""Data sets by name: what is on this machine first, then the Hugging Face hub.

A name is looked for in the folder `DIPOLE_DATA`, then where Python or a system package puts it,
then on the hub.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipole.data.inputs import described
from dipole.data.paths import looks_like_path
from dipole.errors import InputError
from dipole.lookup import close_to

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")


@dataclass(frozen=True)
class Named:
    """A data set with a name of its own."""

    kind: str  # pairs, scored, labeled or retrieval: which function loads it
    about: str
    get: str  # how to get it, for the message where it is not there
    hub: str = ""
    columns: tuple[str, ...] = ()  # on the hub
    places: tuple[str, ...] = ()  # folders of system packages
    by_chance: bool = False  # its splits are drawn from a seed
    images: bool = False  # its inputs are


def _beir(name: str, about: str) -> Named:
    return Named("retrieval", about, f"a BEIR folder {name}/ in DIPOLE_DATA", hub=f"mteb/{name}")


NAMED = {
    "stdlib-code": Named(
        "pairs",
        "docstrings and code of the running Python's standard library",
        "comes with Python",
        by_chance=True,
    ),
    "digits": Named(
        "labeled",
        "1,797 handwritten digits, 8 x 8 (scikit-learn)",
        "pip install scikit-learn",
        by_chance=True,
        images=True,
    ),
    "fashion-mnist": Named(
        "labeled",
        "60,000 + 10,000 pieces of clothing, 28 x 28",
        "apt install dataset-fashion-mnist",
        hub="zalando-datasets/fashion_mnist",
        places=("/usr/share/datasets/fashion-mnist",),
        images=True,
    ),
    "cifar10": Named(
        "labeled",
        "50,000 + 10,000 photographs, 32 x 32",
        "folders or zip files cifar10/train*, cifar10/test* (a folder per class) in DIPOLE_DATA",
        hub="uoft-cs/cifar10",
        images=True,
    ),
    "clinc150": Named(
        "labeled",
        "18,000 questions to an assistant, of 150 intents",
        "the file clinc150/data.json (the full set of clinc/oos-eval) in DIPOLE_DATA",
        hub="clinc/clinc_oos:plus",
        columns=("text", "intent"),
    ),
    "stsb": Named(
        "scored",
        "STS benchmark, English: sentence pairs scored 0 to 5",
        "files stsb/stsb-en-{train,dev,test}.csv in DIPOLE_DATA",
        hub="sentence-transformers/stsb",
        columns=("sentence1", "sentence2", "score"),
    ),
    "sick": Named(
        "scored",
        "SICK: sentence pairs scored 1 to 5",
        "files sick/SICK_{train,trial,test_annotated}.txt in DIPOLE_DATA",
        hub="mteb/sickr-sts",
        columns=("sentence1", "sentence2", "score"),
    ),
    "scifact": _beir("scifact", "claims and the abstracts that support or refute them"),
    "nfcorpus": _beir("nfcorpus", "health questions and medical abstracts"),
    "fiqa": _beir("fiqa", "questions about money and their answers"),
    "scidocs": _beir("scidocs", "papers and the papers they cite"),
    "cranfield": Named(
        "retrieval",
        "225 questions on aerodynamics, 1,400 abstracts",
        "a folder cranfield/ (BEIR's files, or the TREC XML files) in DIPOLE_DATA",
    ),
}
LOADERS = {
    "pairs": "load_pairs",
    "scored": "load_scored",
    "labeled": "load_labeled",
    "retrieval": "load_retrieval",
}


def data_sets() -> dict[str, str]:
    """Name -> one line about it, of every data set that has a name.

    >>> "stdlib-code" in data_sets()
    True
    """
    return {name: f"{named.kind}: {named.about}" for name, named in NAMED.items()}


def data_folder() -> Path | None:
    """The folder `DIPOLE_DATA`, if it is set."""
    folder = os.environ.get("DIPOLE_DATA")
    return Path(folder).expanduser() if folder else None


def local_folder(name: str) -> Path | None:
    """Where a named data set lies on this machine, or None."""
    base = data_folder()
    places = ([base / name] if base else []) + [Path(place) for place in NAMED[name].places]
    return next((place for place in places if place.is_dir()), None)


def locate(source: Any) -> Path | str:
    """The file or folder of a source, or a string: a name, or the id of a set on the hub.

    A bare name that is known is that data set, whatever lies in the current folder (`./digits` is
    the path). A relative path is looked for here, then in `DIPOLE_DATA`.
    """
    if not isinstance(source, (str, Path)):
        raise InputError(
            f"data: found {described(source)}; expected a file, a folder, a name or a hub id here"
        )
    text = str(source)
    if text in NAMED:
        return text
    path = Path(source).expanduser()
    for place in [path] + ([base / path] if (base := data_folder()) else []):
        if place.exists():
            return place
    if _HUB_ID.fullmatch(text) and not looks_like_path(source):
        return text
    if not path.suffix and path.name == text:
        close = close_to(text, NAMED)
        expected = f"a file, a folder, a hub id owner/name, or one of {', '.join(NAMED)}"
    else:
        near = path.parent if path.parent.is_dir() else Path()
        files = [str(near / file.name) for file in near.iterdir()]
        close = close_to(text, files)
        expected = "a file, a folder, a name, or a hub id owner/name"
    hint = f"did you mean {' or '.join(close)}?" if close else f"expected {expected}"
    raise InputError(f"{source}: found no data set, file or folder of this name; {hint}")


def wrong_kind(name: str, wanted: str) -> InputError:
    """The error for a name that another function loads."""
    named = NAMED[name]
    return InputError(
        f"{name}: found a data set of kind '{named.kind}' ({named.about}), expected '{wanted}'; "
        f"it is loaded by {LOADERS[named.kind]}"
    )


def missing(name: str, reason: str = "") -> InputError:
    """The error for a data set that is nowhere: how to get it."""
    named = NAMED[name]
    why = f" ({reason})" if reason else ""
    hub = f", nor on the Hugging Face hub as {named.hub}{why}" if named.hub else ""
    return InputError(f"{name}: not found on this machine{hub}; to get it: {named.get}")
