"""What every objective is: a callable module, tensors in, one number out.

Its settings are typed fields, its `forward` is the maths; inputs are checked when it is called. It
says what it takes by the names of its `forward`, so that a trainer can hand it a batch by name, and
it adds up: `InfoNCE() + 0.1 * AlignmentUniformity()`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, ClassVar, Literal, overload

import torch
from torch import Tensor, nn

from dipole.courses import Course, checked_course
from dipole.declared import Declared, Positive, checked, setting
from dipole.errors import InputError
from dipole.kernels import using
from dipole.kernels.settings import EXECUTORS, Executor
from dipole.objectives.contract.checks import SHAPES, check

# Those of which an encoder may be asked for more than vectors.
COLUMNS = ("anchor", "positive", "negative")

Reduction = Literal["mean", "sum", "none"]


class Objective(Declared):
    """An objective and where it comes from; subclasses write their settings and `forward`.

    A field `learn_temperature` says whether the fields that are a `Temperature` are learnt. `make`
    is called with the settings in place, for layers and buffers made of them. A subclass with an
    `__init__` of its own checks its inputs itself.

    reduction: `mean` over the rows that have a positive, their `sum`, or `none` (one per row).
    executor: how the pair engine runs, see docs/engine.md; None chooses.
    """

    # Set by `registry.register`.
    name: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    system: ClassVar[str] = ""
    form: ClassVar[str] = ""
    related: ClassVar[tuple[str, ...]] = ()
    rows: ClassVar[bool] = True
    executors: ClassVar[tuple[str, ...]] = EXECUTORS

    # Shapes of inputs that are not the usual ones, as `checks.SHAPES` has them.
    shapes: ClassVar[dict[str, str]] = {}

    reduction: Reduction = setting(default="mean", kw_only=True)
    executor: Executor | None = setting(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.reduction != "mean" and not self.rows:
            raise InputError(
                f"reduction: found {self.reduction!r}, expected 'mean': one number per batch"
            )
        if self.executor not in (None, *self.executors):
            expected = ", ".join(self.executors) or "None: it does not run on the engine"
            raise InputError(f"executor: found {self.executor!r}, expected {expected}")
        if getattr(self, "learn_temperature", False):
            for part in self.children():
                if isinstance(part, Temperature):
                    part.learn()
        self.make()

    def make(self) -> None:
        """Layers and buffers that the settings ask for."""

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """`forward` of checked inputs, on the executor that was asked for."""
        if self.declared:
            tensors = dict(zip(self.inputs(), args, strict=False)) | inputs
            known = {n: x for n, x in tensors.items() if n in self.shapes or n in SHAPES}
            check(shapes=self.shapes, **known)
        if self.executor is None:
            return super().__call__(*args, **inputs)
        with using(executor=self.executor):
            return super().__call__(*args, **inputs)

    def inputs(self) -> dict[str, bool]:
        """The tensors `forward` takes, by name: True where it cannot do without."""
        return forward_inputs(type(self).forward)

    def asks(self) -> set[str]:
        """What it takes of an encoder beside vectors: `anchor_tokens`, `anchor_mask`, ..., as
        arguments of `forward`, or of a column that is one of tokens by its shape."""
        names = self.inputs()
        ends = ("_tokens", "_mask", "_hidden", "_attention")
        found = {name for name in names if name.endswith(ends)}
        # Those of answers, as ref_logps, are a part's.
        own = {f"{column}_{output}" for column in COLUMNS for output in ("logps", "foreseen")}
        found |= own & names.keys()
        return found | {tokens for name in names if (tokens := self._tokens(name))}

    def _tokens(self, name: str) -> str:
        """The name of the tokens that a column is given, where its shape says that it has some."""
        is_column = name in COLUMNS
        is_of_tokens = is_column and len(self.shapes.get(name, "").split()) == 3
        return f"{name}_tokens" if is_of_tokens else ""

    def bind(self, examples: int) -> None:
        """Told once, before training, how many examples there are.

        For objectives with a state per example (buffers, so that checkpoints hold it), which then
        take `rows`, the batch's row numbers in the data; the others do nothing. What a step writes
        into them must be the same on every process: gather it (`objectives.maths.everywhere`).
        """

    def at(self, done: float) -> None:
        """Told before every step which share of the training is done, 0 to 1.

        Temperatures that have a course follow it, and the objectives in this one are told. A
        subclass that changes on the way sets what it needs, and calls this one.
        """
        tell(self, done)

    def pick(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Those tensors of a batch that this objective takes.

        Where `views` is asked for and the batch has none, they are the anchor, the positive,
        `view_2`, `view_3` and so on, stacked.
        """
        found = {key: value for key, value in batch.items() if value is not None}
        wanted = self.inputs()
        found |= {key: found[x] for key in wanted if (x := self._tokens(key)) in found}
        if "views" in wanted and "views" not in found and "anchor" in found:
            more = sum(key.startswith("view_") for key in found)
            names = ["anchor", "positive", *(f"view_{i + 2}" for i in range(more))]
            found["views"] = torch.stack([found[name] for name in names if name in found])
        for key, needed in wanted.items():
            if needed and key not in found:
                raise InputError(
                    f"{type(self).__name__} needs '{key}', found {', '.join(batch) or 'nothing'}; "
                    f"expected {', '.join(k for k, must in wanted.items() if must)}"
                )
        return {key: found[key] for key in wanted if key in found}

    def given(self, **names: str) -> Objective:
        """This objective with other tensors of the batch for inputs: `given(negative="past")`."""
        from dipole.objectives.contract.given import Given

        return Given(self, names)

    def __add__(self, other: Objective) -> Sum:
        return Sum([*_terms(self), *_terms(other)])

    def __radd__(self, other: object) -> Objective:  # for the built-in `sum`, which starts at 0
        return self if other == 0 else NotImplemented

    def __mul__(self, weight: float) -> Sum:
        return Sum([(weight * own, part) for own, part in _terms(self)])

    __rmul__ = __mul__


class Over(Objective):
    """What is made of other objectives: it takes and asks for what they do, and they are told what
    it is told. A subclass writes `inner` and `forward`."""

    def inner(self) -> Iterable[Objective]:
        """The objectives that it is made of."""
        raise NotImplementedError

    def called(self, name: str) -> str:
        """The tensor of the batch that the objectives take as `name`."""
        return name

    def inputs(self) -> dict[str, bool]:
        """The inputs of all; needed is what one of them needs."""
        merged: dict[str, bool] = {}
        for objective in self.inner():
            for name, needed in objective.inputs().items():
                place = self.called(name)
                merged[place] = merged.get(place, False) or needed
        return merged

    def asks(self) -> set[str]:
        """What all of them ask."""
        return {self.called(name) for objective in self.inner() for name in objective.asks()}

    def pick(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """What they take, tokens beside the vectors of the same column."""
        found = super().pick(batch)
        return found | {name: batch[name] for name in self.asks() if name in batch}

    def bind(self, examples: int) -> None:
        """Each is told."""
        for objective in self.inner():
            objective.bind(examples)


class Sum(Over):
    """Weighted sum of objectives; each is called with those inputs that its `forward` names.

    `parts` holds every part's last value by name, unweighted and detached, for a logger.
    """

    def __init__(self, terms: Iterable[tuple[float, Objective]]) -> None:
        super().__init__()
        weights, parts = zip(*terms, strict=True)
        self.weights: tuple[float, ...] = weights
        self.terms = nn.ModuleList(parts)
        self.parts: dict[str, Tensor] = {}

    def names(self) -> list[str]:
        """One name per part; the second `infonce` is `infonce_2`."""
        named = [getattr(term, "objective", term) for term in self.terms]  # of `Given` its own
        bases = [getattr(term, "name", "") or type(term).__name__ for term in named]
        counts = [bases[:i].count(base) for i, base in enumerate(bases)]
        return [f"{b}_{c + 1}" if c else b for b, c in zip(bases, counts, strict=True)]

    def inner(self) -> Iterable[Objective]:
        """The parts."""
        return [term for term in self.terms if isinstance(term, Objective)]

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """Positional arguments are named as in the first part."""
        total: Tensor | None = None
        for weight, value in zip(self.weights, self.values(*args, **inputs), strict=True):
            total = weight * value if total is None else total + weight * value
        assert total is not None
        return total

    def values(self, *args: Tensor, **inputs: Tensor | None) -> list[Tensor]:
        """What every part says of a batch, unweighted."""
        first, *_ = self.inner()
        batch = dict(zip(first.inputs(), args, strict=False)) | inputs
        values = []
        for name, term in zip(self.names(), self.inner(), strict=True):
            values.append(term(**term.pick(batch)))
            self.parts[name] = values[-1].detach()
        return values


class Temperature(nn.Module):
    """A temperature: fixed, learnt as its logarithm, which keeps it positive, or on a course.

    As a field, `temperature: Temperature = Temperature(0.05)`, it is given as a number, or as a
    text as `courses.Course` reads it, and `self.temperature()` is its value now.
    """

    def __init__(self, value: float | str, learn: bool = False) -> None:
        super().__init__()
        found = checked_course("temperature", value, above=True)
        self.course = Course.read(found) if isinstance(found, str) else None
        start = found if self.course is None else self.course.start
        self.value: float = checked("temperature", Positive, start)
        self.log: nn.Parameter | None = None
        if learn:
            self.learn()

    def learn(self) -> None:
        """From now on it is a parameter."""
        if self.course is not None:
            raise InputError(
                "temperature: found a course for one that is learnt; expected a number"
            )
        self.log = nn.Parameter(torch.tensor(math.log(self.value)))

    def __set_name__(self, owner: type, name: str) -> None:
        self.place = name

    @overload
    def __get__(self, instance: None, owner: type) -> float: ...
    @overload
    def __get__(self, instance: nn.Module, owner: type) -> Temperature: ...
    def __get__(self, instance: nn.Module | None, owner: type) -> Any:
        if instance is None:
            return self.value
        if self.place not in instance._modules:
            raise AttributeError(self.place)
        return instance._modules[self.place]

    def __set__(self, instance: nn.Module, value: float | str | Temperature) -> None:
        # A class of its own `__init__` says what its temperature is, learnt or not.
        own = value if isinstance(value, Temperature) else Temperature(value)
        instance._modules[self.place] = own

    def at(self, done: float) -> None:
        """Its value when this share of a training is done, if it has a course."""
        if self.course is not None:
            self.value = self.course.at(done)

    def forward(self) -> float | Tensor:
        return self.value if self.log is None else self.log.exp()

    def extra_repr(self) -> str:
        learnt = "" if self.log is None else ", learnt"
        return f"{self.value if self.log is None else self.log.exp().item():.4g}{learnt}"


def tell(module: nn.Module, done: float) -> None:
    """Tell the objectives and temperatures in a module, of whatever kind it is, where a training
    stands; each passes it on."""
    for part in module.children():
        if isinstance(part, Objective | Temperature):
            part.at(done)
        else:
            tell(part, done)


def forward_inputs(forward: Callable[..., Any]) -> dict[str, bool]:
    """Argument name -> whether it has no default."""
    return dict(_inputs_of(forward))


@cache
def _inputs_of(forward: Callable[..., Any]) -> tuple[tuple[str, bool], ...]:
    """To read a signature takes longer than the loss of a small batch."""
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return tuple((p.name, p.default is p.empty) for p in parameters if p.kind is kind)


def _terms(objective: Objective) -> list[tuple[float, Objective]]:
    if isinstance(objective, Sum):
        return [(w, t) for w, t in zip(objective.weights, objective.terms, strict=True)]  # type: ignore[misc]
    if isinstance(objective, Objective):
        return [(1.0, objective)]
    raise TypeError(f"expected an objective, found {type(objective).__name__}")
