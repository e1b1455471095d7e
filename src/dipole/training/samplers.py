"""Samplers by name: who meets whom in a batch, from settings, examples and vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data.options import check_names, check_type, check_types, keywords
from dipole.errors import InputError
from dipole.files import replaced
from dipole.lookup import find as look_up
from dipole.sampling.clusters import pseudo_classes
from dipole.sampling.communities import communities, neighbour_graph
from dipole.sampling.curriculum import Curriculum
from dipole.sampling.grouped import GroupsApart, GroupsTogether, OneSource, PerClass
from dipole.sampling.plans import Plan
from dipole.sampling.shares import Shares
from dipole.sampling.unique import UniqueBatches
from dipole.training.batches import encoded_fields
from dipole.training.every import Every
from dipole.training.material import Material
from dipole.training.regrouping import Regrouped
from dipole.training.run.processes import together
from dipole.training.run.task_files import of_task

if TYPE_CHECKING:
    from dipole.training.config import Config

# What k-means or a graph found: a resumed run, or another process, must not find another.
GROUPS = "sampler.npy"
ALL_GROUPS = "sampler*.npy"  # of every task


def unique(m: Material) -> Plan:
    """Any rows, no text twice in a batch."""
    return UniqueBatches(m.known, m.batch_size, seed=m.seed)


def clusters(m: Material, groups: np.ndarray) -> Plan:
    """Batches from within clusters of similar positives."""
    return GroupsTogether(groups, m.batch_size, keys=m.known, seed=m.seed)


def _clusters(m: Material, *, clusters: int | None = None, model: str | None = None) -> np.ndarray:
    """clusters: how many; n / batch size, so that one fills a batch, if not given."""
    _, positives = m.vectors(model)
    count = clusters or max(len(m) // m.batch_size, 2)
    return pseudo_classes(positives, min(count, len(m)), seed=m.seed)


def _neighbours(
    m: Material,
    *,
    community: int = 8,
    skip: int = 2,
    neighbours: int = 20,
    model: str | None = None,
) -> np.ndarray:
    """community: rows of one; skip, neighbours: the ranks that are linked; see `sampling`."""
    anchors, positives = m.vectors(model)
    if community > m.batch_size:
        raise InputError(
            f"community: found {community}, expected at most the batch size, {m.batch_size}"
        )
    graph = neighbour_graph(anchors, positives, skip=skip, neighbours=neighbours, keys=m.known.keys)
    return communities(graph, community, seed=m.seed)


def apart(m: Material, groups: np.ndarray) -> Plan:
    """Batches in which all rows are of different clusters."""
    return GroupsApart(groups, m.batch_size, keys=m.known, seed=m.seed)


def _apart(m: Material, *, clusters: int | None = None, model: str | None = None) -> np.ndarray:
    """clusters: how many; the batch size if not given. One of more than n / batch size rows is cut
    in two, so that batches stay full."""
    _, positives = m.vectors(model)
    count = min(clusters or m.batch_size, len(m))
    largest = -(-len(m) // m.batch_size)
    return pseudo_classes(positives, count, largest=largest, seed=m.seed)


def sources(m: Material, *, power: float = 1.0, key: str | None = None) -> Plan:
    """Batches of one source each; power: see `OneSource`; key: what in a row's metadata names its
    source, where the data are no mixture. Data of one source are batches of any rows."""
    found = _sources(m, key)
    return OneSource(
        np.zeros(len(m)) if found is None else found,
        m.batch_size,
        power=power,
        keys=m.known,
        seed=m.seed,
    )


def shares(m: Material, *, shares: Sequence[float] | None = None, key: str | None = None) -> Plan:
    """Batches with exact shares of every source: of --data, then --source in their order; equal
    ones if not given. key: as for `sources`, which are then in alphabetical order."""
    groups = _sources(m, key)
    if groups is None:
        raise InputError(
            f"sampler: found one source, {m.examples.origin}; expected more data (--source), or "
            "key, the name of the source in the rows' metadata"
        )
    if key is None:  # in the order in which they stand
        names = list(dict.fromkeys(groups.tolist()))
        groups = np.array([names.index(name) for name in groups.tolist()])
    given = shares or [1.0] * len(np.unique(groups))
    return Shares(groups, given, m.batch_size, keys=m.known, seed=m.seed)


def curriculum(m: Material, *, by: str = "length", start: float = 0.2, over: float = 4) -> Plan:
    """Easy rows first; by: length (of the anchors' texts), or a number in a row's metadata."""
    if by == "length":
        first, *_ = encoded_fields(m.examples)
        difficulty: list[Any] = [len(text) for text in m.examples.column(first)]
    else:
        found = [m.examples.metadata(i).get(by) for i in range(len(m))]
        if not all(isinstance(value, int | float) for value in found):
            raise InputError(
                f"by: found no number '{by}' in every row's metadata; expected length or its name"
            )
        difficulty = found
    return Curriculum(
        np.array(difficulty), m.batch_size, start=start, over=over, keys=m.known, seed=m.seed
    )


def _sources(m: Material, key: str | None) -> np.ndarray | None:
    if key is None:
        return m.examples.sources
    return np.array([str(m.examples.metadata(i).get(key)) for i in range(len(m))])


def classes(m: Material, *, per_class: int = 4) -> Plan:
    """Batches of `per_class` rows of each class."""
    if "label" not in m.examples.FIELDS:
        raise InputError(
            f"sampler: found 'classes' for {type(m.examples).__name__}; expected rows with a "
            "class (--label)"
        )
    labels = m.examples.keys("label", exact=True)
    return PerClass(labels, m.batch_size, per_class=per_class, seed=m.seed)


# Name -> the sampler, and for those that group rows by their vectors how.
SAMPLERS: dict[str, tuple[Callable[..., Plan], Callable[..., np.ndarray] | None]] = {
    "unique": (unique, None),
    "clusters": (clusters, _clusters),
    "neighbours": (clusters, _neighbours),
    "apart": (apart, _apart),
    "sources": (sources, None),
    "shares": (shares, None),
    "curriculum": (curriculum, None),
    "classes": (classes, None),
}


# Those that ask who is near among the rows of one source, and so have a task for each.
OF_ONE_SOURCE = frozenset({"neighbours"})


def sampler_of(name: str) -> tuple[Callable[..., Plan], Callable[..., np.ndarray] | None]:
    """The sampler of this name, or a function of your own, which makes a `Plan` of `Material`."""
    if name in SAMPLERS:
        return SAMPLERS[name]
    return look_up("sampler", name, dict.fromkeys(SAMPLERS, "")), None


def make_sampler(
    config: Config, material: Material, folder: Path, task: int = 0
) -> Plan | Regrouped:
    """The sampler a run asks for; groups found by vectors are kept in RUN/sampler.npy, those of
    later tasks (by their number) in files of their own.

    A sampler of groups also has the setting `every`: whole epochs, or "500steps", after which they
    are found anew.
    """
    make, group = sampler_of(config.sampler)
    options = dict(config.sampler_options)
    if group is None:
        _check_options(make, config.sampler, options)
        return make(material, **options)
    every = _every(options.pop("every", None))
    _check_options(group, config.sampler, options, ["every"])
    path = folder / of_task(GROUPS, task)

    def find() -> None:
        if not path.exists():
            with replaced(path) as new:
                np.save(new, group(material, **options))

    together(find)
    first = np.load(path, allow_pickle=False)
    if every is None:
        return make(material, first)
    return Regrouped(first, partial(make, material), partial(group, material, **options), every)


def _every(value: Any) -> Every | None:
    """After how many epochs or steps groups are found anew."""
    what = "sampler option 'every'"
    check_type(int | str | None, value, what)
    if value is None:
        return None
    found = Every.read(value, what)
    if found.count < 1 or found.count % 1:
        raise InputError(f"{what}: found {value}; expected 1 epoch or more, or 500steps")
    return found


def _check_options(
    function: Callable[..., Any], name: str, options: dict[str, Any], more: Sequence[str] = ()
) -> None:
    check_names(options, [*keywords(function), *more], "sampler option", name)
    check_types(function, options, "sampler option")
