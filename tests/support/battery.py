"""The tests every objective passes; a test file subclasses `Battery` and names its `spec`."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, cast

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from dipole.errors import InputError
from dipole.kernels import using
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.checks import BOOLEAN, INTEGER
from dipole.objectives.contract.registry import options
from dipole.training.gradient_cache import encode_chunks
from support import distributed
from support.spec import VECTORS, Inputs, Spec, reduce_rows, variants

# (n, m, d): one row, one dimension, few columns, more columns than rows.
SIZES = [(1, 1, 3), (1, 2, 1), (2, 1, 1), (5, 3, 4), (8, 1, 2), (3, 9, 2)]
TEMPERATURES = (1e-3, 1e-2, 1.0, 10.0)
SHARDS = {2: {"n": (3, 4), "m": (4, 1)}, 4: {"n": (2, 1, 3, 1), "m": (1, 2, 1, 1)}}  # of 7 and 5
Results = tuple[Tensor, dict[str, Tensor]]
TILE = (3, 2)  # smaller than any batch here, so that every call has several tiles


class Battery:
    """Registered objective + `spec` = tested."""

    spec: ClassVar[Spec]

    def cases(self, n: int = 4, m: int = 3, d: int = 3) -> Iterator[tuple[dict[str, Any], Inputs]]:
        """Every setting with one batch, with and without all that may be left out."""
        inputs = self.spec.inputs(max(n, self.spec.least), m, d)
        needed = {k: v for k, v in inputs.items() if k not in self.spec.optional}
        for settings in self.spec.settings:
            yield dict(settings), dict(inputs)
            if len(needed) < len(inputs):
                yield dict(settings), needed

    def test_equation(self) -> None:
        """Value = the naive double loop, on odd sizes and at the extremes of every input."""
        several = ("mean", "none") if self.spec.cls.rows else ("mean",)
        for seed, (n, m, d) in enumerate(SIZES):
            drawn = self.spec.inputs(max(n, self.spec.least), m, d, seed)
            for settings in self.spec.settings:
                for label, inputs in variants(self.spec, drawn):
                    rows = self.spec.expected(inputs, settings)
                    also = ("sum",) if self.spec.cls.rows and label == "as drawn" else ()
                    for reduction in several + also:
                        found = self.spec.build(settings, reduction=reduction)(**inputs)
                        wanted = torch.from_numpy(reduce_rows(rows, reduction))
                        case = f"{label}, {settings}, {reduction}, n={n} m={m} d={d}"
                        close(found.detach().flatten(), wanted.flatten(), 1e-9, case)

    def test_gradient(self) -> None:
        """Analytic = numeric: differences of the oracle, and of the objective itself."""
        drawn = self.spec.inputs(max(4, self.spec.least), 3, 3)
        for settings in self.spec.settings:
            for label, inputs in variants(self.spec, drawn):
                self.slope(settings, inputs, f"{label}, {settings}")
        for settings, inputs in [] if self.spec.detached else self.cases():
            leaves, call = as_function(self.build(settings, "dense"), inputs)
            assert gradcheck(call, leaves, fast_mode=True)
            if self.spec.smooth:
                assert gradgradcheck(call, leaves, fast_mode=True)

    def slope(
        self, settings: Mapping[str, Any], inputs: Inputs, case: str, width: float = 1
    ) -> None:
        """The gradient along a random direction = the oracle's slope there."""
        _, gradients = value_and_gradients(self.spec.build(settings), inputs)
        generator = torch.Generator().manual_seed(1)
        step = {
            k: torch.randn(g.shape, generator=generator, dtype=torch.float64)
            for k, g in gradients.items()
            if k in inputs
        }
        h = 1e-5 * width

        def at(sign: int) -> float:
            moved = inputs | {k: inputs[k] + sign * h * s for k, s in step.items()}
            return float(reduce_rows(self.spec.expected(moved, settings, at=inputs)))

        numeric = (at(1) - at(-1)) / (2 * h)
        exact = sum(float((gradients[k] * s).sum()) for k, s in step.items())
        scale = sum(float((gradients[k] * s).abs().sum()) for k, s in step.items())
        assert exact == pytest.approx(numeric, rel=1e-4, abs=1e-4 * scale + 1e-7), case

    def test_tiles(self) -> None:
        """Tile by tile = the whole matrix at once, value and every gradient, to 1e-12."""
        drawn = self.spec.inputs(max(7, self.spec.least), 5, 3)
        for settings in self.spec.settings:
            for label, inputs in variants(self.spec, drawn):
                dense = value_and_gradients(self.build(settings, "dense"), inputs)
                with using(tile=TILE):
                    tiled = value_and_gradients(self.build(settings, "tiled"), inputs)
                same_results(tiled, dense, 1e-12, f"{label}, {settings}")

    @pytest.mark.parametrize("processes", SHARDS)
    def test_processes(self, processes: int) -> None:
        """Uneven shards on several processes = one process, value and every gradient."""
        cases = list(self.cases(7, 5, 3))
        forced = [e for e in ("gathered", "ring") if e in self.spec.cls.executors] or [None]
        own = self.spec.name, dict(self.spec.shapes)  # an oracle does not travel
        answers = distributed.run(processes, on_shards, *own, cases, forced)
        for k, (settings, inputs) in enumerate(cases):
            wanted = value_and_gradients(self.build(settings, "dense"), inputs)
            for e, executor in enumerate(forced):
                found = joined(self.spec, [every[k][e] for every in answers])
                same_results(found, wanted, 1e-11, f"{processes} x {executor}, {settings}")

    def test_gradient_cache(self) -> None:
        """Encoding in pieces, with dropout replayed = keeping everything."""
        for settings, inputs in self.cases():
            d = next(v.shape[-1] for k, v in inputs.items() if k in VECTORS)
            tower = nn.Sequential(nn.Linear(d, 4), nn.Dropout(0.4), nn.Linear(4, d)).double()
            gradient = partial(tower_gradient, tower, self.spec.build(settings), inputs)
            plain = gradient(lambda forward, chunks: torch.cat([forward(c) for c in chunks]))
            for found, wanted in zip(gradient(encode_chunks), plain, strict=True):
                close(found, wanted, 1e-12, str(settings))

    def test_temperatures(self) -> None:
        """From 1e-3 to 10: finite, and in float32 the gradient that there is."""
        if "temperature" not in options(self.spec.cls):
            return
        for settings, inputs in self.cases():
            # The hardest batch there is: a positive that points away.
            for name in {"positive", "views"} & set(inputs):
                inputs[name] = inputs[name].clone()
                last = inputs[name] if name == "positive" else inputs[name][-1]
                last[0] *= -1
            for temperature in TEMPERATURES:
                at = settings | {"temperature": temperature}
                self.slope(at, inputs, str(at), width=min(temperature, 1))
                value, wanted = value_and_gradients(self.spec.build(at), inputs)
                low, found = value_and_gradients(
                    self.spec.build(at).float(),
                    {k: narrow(v, torch.float32) for k, v in inputs.items()},
                )
                assert float(low) == pytest.approx(float(value), rel=1e-4, abs=1e-4), at
                for name, gradient in wanted.items():
                    error = (found[name].double() - gradient).norm()
                    assert error <= 1e-6 / temperature * (gradient.norm() + 1e-6) + 1e-6, (at, name)

    def test_bfloat16(self) -> None:
        """Against float64 of the same rounded vectors: only the gradient is rounded."""
        for settings, inputs in self.cases():
            low = {k: narrow(v, torch.bfloat16) for k, v in inputs.items()}
            high = {k: v.double() if v.is_floating_point() else v for k, v in low.items()}
            value, wanted = value_and_gradients(self.spec.build(settings), high)
            found, gradients = value_and_gradients(self.spec.build(settings).float(), low)
            assert found.dtype == torch.float32
            assert float(found) == pytest.approx(float(value), rel=1e-4, abs=1e-4), settings
            for name, gradient in gradients.items():
                error = (gradient.double() - wanted[name]).norm()
                assert error <= 2**-7 * wanted[name].norm() + 1e-5, (settings, name)

    def test_easy_pairs(self) -> None:
        """In float32 the small gradient of pairs that are right already keeps its digits."""
        if "temperature" not in options(self.spec.cls):
            return
        inputs = easy(self.spec)
        narrowed = {k: narrow(v, torch.float32) for k, v in inputs.items()}
        for settings in self.spec.settings:
            at = settings | {"temperature": 0.05}
            _, wanted = value_and_gradients(self.spec.build(at), inputs)
            for executor in ("dense", "tiled"):
                _, found = value_and_gradients(self.build(at, executor).float(), narrowed)
                for name, gradient in wanted.items():
                    error = (found[name].double() - gradient).norm()
                    assert error <= 1e-3 * gradient.norm(), (executor, at, name)

    def test_order_and_rotation(self) -> None:
        """The order of the rows, of the negatives and of the axes of the space mean nothing."""
        for settings, inputs in self.cases(6, 5, 4):
            wanted = self.spec.build(settings)(**inputs)
            shuffled = self.spec.shuffle(inputs)
            close(self.spec.build(settings)(**shuffled), wanted, 1e-10, f"order, {settings}")
            if self.spec.rotation:
                d = next(v.shape[-1] for k, v in inputs.items() if k in VECTORS)
                turn = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64)).Q
                turned = {k: v @ turn if k in VECTORS else v for k, v in inputs.items()}
                close(self.spec.build(settings)(**turned), wanted, 1e-10, f"rotation, {settings}")

    def test_bad_input(self) -> None:
        """The error names the argument, what it was and what was expected."""
        inputs = self.spec.inputs(max(4, self.spec.least), 3, 3)
        objective = self.spec.build(self.spec.settings[0])
        for name, tensor in inputs.items():
            bad = {"a shape": tensor[None], "a type": tensor.tolist()}
            if name in INTEGER | BOOLEAN:
                bad["a dtype"] = tensor.double()
            elif name in VECTORS:
                bad["a dtype"] = tensor.long()
            if tensor.is_floating_point():
                for value in (math.nan, math.inf, -math.inf):
                    bad[str(value)] = tensor.clone()
                    bad[str(value)].view(-1)[-1] = value
            for what, wrong in bad.items():
                print(name, what)  # shown when nothing is raised
                with pytest.raises(InputError, match=rf"^{name}: found .*, expected "):
                    objective(**(inputs | {name: wrong}))
        for name, axis in self.spec.axes(inputs):
            short = inputs[name].narrow(axis, 0, inputs[name].shape[axis] - 1)
            with pytest.raises(InputError, match=r": found shape .*, expected .* as in "):
                objective(**(inputs | {name: short}))
        if "temperature" in options(self.spec.cls):
            for wrong in (0.0, -1.0, math.nan, math.inf):
                with pytest.raises(
                    InputError, match=r"^temperature: found .*, expected .* above 0"
                ):
                    self.spec.cls(**{**self.spec.settings[0], "temperature": wrong})

    def test_memory(self) -> None:
        """Tile by tile nothing of the size of the matrix is ever made."""
        if "tiled" not in self.spec.cls.executors:
            return
        many = 500 if "views" in self.spec.inputs() else 1500  # three views of each
        for n, m in [(many, 3), (20, 100_000)]:
            inputs = self.spec.inputs(n, m, 2)
            for name in set(self.spec.optional) & {"relation", "mask", "teacher_scores"}:
                del inputs[name]  # whoever brings a matrix has one
            low = {k: narrow(v, torch.float32) for k, v in inputs.items()}
            # Of one size everywhere: by default a tile is as large as this machine's cache.
            with using(tile=(512, 1024)), Largest() as largest:
                value, gradients = value_and_gradients(
                    self.build(self.spec.settings[0], "tiled").float(), low
                )
            assert math.isfinite(value)
            assert all(g.isfinite().all() for g in gradients.values())
            extra = {"negative", "support", "queue"} & set(low)
            rows = max(v.numel() // 2 for k, v in low.items() if k in VECTORS and k not in extra)
            matrix = rows * max(rows, m if extra else 0)
            assert largest.numel < matrix / 1.8 or matrix < 1e6

    def build(self, settings: Mapping[str, Any], executor: Any = None) -> Objective:
        """The objective on an executor, if it is one that runs on the engine."""
        known = executor in self.spec.cls.executors
        return self.spec.build(settings, executor=executor if known else None)


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor any operation returned."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.untyped_storage().nbytes() // tensor.itemsize)
        return result


def easy(spec: Spec) -> Inputs:
    """Six examples at right angles, of six classes, whose views nearly agree; nothing optional."""
    n = max(6, spec.least)
    inputs = {k: v for k, v in spec.inputs(n, 3, 8).items() if k not in spec.optional}
    generator = torch.Generator().manual_seed(3)
    for name in sorted({"anchor", "positive", "views"} & set(inputs)):
        shape = inputs[name].shape
        axes = torch.eye(shape[-1], dtype=torch.float64)
        base = torch.cat([axes, -axes])[:n]
        base = base[:, None] if name != "views" and len(shape) == 3 else base  # all its tokens
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        inputs[name] = base + 0.03 * noise
    for name in {"labels", "positive_labels"} & set(inputs):
        inputs[name] = torch.arange(n)
    return inputs


def narrow(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Floating point tensors in that dtype."""
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def as_function(
    objective: Objective, inputs: Inputs
) -> tuple[tuple[Tensor, ...], Callable[..., Tensor]]:
    """The vectors and parameters that want a gradient, and the objective as a function of them."""
    vectors = [k for k in inputs if k in VECTORS]
    weights = [k for k, p in objective.named_parameters() if p.requires_grad]
    leaves = [inputs[k] for k in vectors] + [objective.get_parameter(k) for k in weights]

    def call(*given: Tensor) -> Tensor:
        moved = inputs | dict(zip(vectors, given, strict=False))
        own = dict(zip(weights, given[len(vectors) :], strict=True))
        result: Tensor = torch.func.functional_call(objective, own, (), moved)
        return result

    return tuple(leaf.detach().clone().requires_grad_() for leaf in leaves), call


def value_and_gradients(objective: Objective, inputs: Inputs) -> Results:
    """The loss, and its gradient for every vector and parameter by name."""
    leaves, call = as_function(objective, inputs)
    names = [k for k in inputs if k in VECTORS]
    names += [k for k, p in objective.named_parameters() if p.requires_grad]
    value = call(*leaves)
    gradients = torch.autograd.grad(value, leaves, materialize_grads=True)
    return value.detach(), dict(zip(names, gradients, strict=True))


def tower_gradient(
    tower: nn.Module, objective: Objective, inputs: Inputs, encode: Callable[..., Tensor]
) -> list[Tensor]:
    """The gradient of a tower that makes all vectors of a batch, two rows at a time."""

    def forward(features: Inputs) -> Tensor:
        return cast(Tensor, tower(features["x"]))

    torch.manual_seed(0)
    vectors = {}
    for name in {*VECTORS} & {*inputs}:
        chunks = inputs[name].flatten(0, -2).split(2)
        vectors[name] = encode(forward, [{"x": c} for c in chunks]).view_as(inputs[name])
    loss = copy.deepcopy(objective)(**(inputs | vectors))  # a state stays as it was
    return list(torch.autograd.grad(loss, list(tower.parameters())))


def on_shards(
    name: str, shapes: dict[str, str], cases: Any, executors: list[Any]
) -> list[list[Results]]:
    """What this rank finds on its share of every case, by every executor."""
    spec = Spec(name, float, shapes=shapes)
    rank = dist.get_rank()
    cuts = {letter: sizes[rank] for letter, sizes in SHARDS[dist.get_world_size()].items()}
    starts = {k: sum(v[:rank]) for k, v in SHARDS[dist.get_world_size()].items()}
    results = []
    for settings, inputs in cases:
        share = {}
        for key, tensor in inputs.items():
            for axis, letter in enumerate(spec.letters(key)):
                if letter in cuts:
                    tensor = tensor.narrow(axis, starts[letter], cuts[letter])
            share[key] = tensor
        results.append(
            [value_and_gradients(spec.build(settings, executor=e), share) for e in executors]
        )
    return results


def joined(spec: Spec, shares: list[Results]) -> Results:
    """The mean over the ranks, as DistributedDataParallel takes it; inputs' gradients in a row."""
    gradients = {}
    for name in shares[0][1]:
        parts = [gradients[name] for _, gradients in shares]
        if name in VECTORS:
            axis = next(i for i, letter in enumerate(spec.letters(name)) if letter in "nm")
            gradients[name] = torch.cat(parts, axis) / len(shares)
        else:
            gradients[name] = torch.stack(parts).mean(0)
    return torch.stack([value for value, _ in shares]).mean(), gradients


def close(found: Tensor, wanted: Tensor, tolerance: float, case: str) -> None:
    """Equal up to `tolerance`, relative where large."""
    torch.testing.assert_close(
        found, wanted, rtol=tolerance, atol=tolerance, msg=lambda text: f"{case}: {text}"
    )


def same_results(found: Results, wanted: Results, tolerance: float, case: str) -> None:
    """Value and every gradient."""
    close(found[0], wanted[0], tolerance, f"{case}: value")
    for name, gradient in wanted[1].items():
        close(found[1][name], gradient, tolerance, f"{case}: gradient of {name}")
