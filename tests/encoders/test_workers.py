"""Several workers, and weights that are not on the CPU: torch's meta device stands in for a GPU.

On meta nothing is computed, but what stayed on the CPU by mistake is an error, as on a GPU.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from dipole import devices
from dipole.data.kept import load_kept
from dipole.encoders import (
    ConvImage,
    Encoder,
    StaticText,
    TransformerText,
    TwoTowers,
    encode_file,
    load_encoder,
    workers,
)
from dipole.encoders.resnet import ResNetImage
from dipole.encoders.vit import ViTImage
from dipole.encoders.workers import copies, encode_with

TEXTS = [f"{a} {b} {c}" for a in ("open", "close") for b in ("file", "path", "list") for c in "xyz"]
CPU = torch.device("cpu")


def images(cls: type[Encoder]) -> tuple[Encoder, list[np.ndarray]]:
    made = cls(size=(16, 16), channels=3)  # type: ignore[call-arg]
    return made, list(np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["static", "two towers", "transformer", "conv", "resnet", "vit"])
def test_everything_of_a_tower_moves(kind: str, tiny: Path, tmp_path: Path) -> None:
    static = StaticText.from_texts(TEXTS, TEXTS, dim=16)
    makers: dict[str, Callable[[], tuple[Encoder, list]]] = {
        "static": lambda: (static, TEXTS),
        "two towers": lambda: (TwoTowers(static, static, dim=8), TEXTS),
        "transformer": lambda: (TransformerText.load(tiny), TEXTS),
        "conv": lambda: images(ConvImage),
        "resnet": lambda: images(ResNetImage),
        "vit": lambda: images(ViTImage),
    }
    encoder, inputs = makers[kind]()
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path, device=CPU)
    assert np.abs(loaded.encode(inputs) - encoder.encode(inputs)).max() < 1e-6
    there = loaded.to("meta").eval()
    left = [
        f"{name}.{attribute}"
        for name, part in there.named_modules()
        for attribute, value in {**vars(part), **part._parameters, **part._buffers}.items()
        if isinstance(value, torch.Tensor) and value.device.type != "meta"
    ]
    assert not left
    if kind not in ("conv", "resnet", "vit"):
        return  # the others look at values of their inputs, which meta has not
    for role in there.roles:
        features = {name: x.to("meta") for name, x in there.prepare(inputs, role).items()}
        found = there(features)
        assert (str(found.device), tuple(found.shape)) == ("meta", (len(inputs), there.dim))


def test_a_model_is_loaded_where_the_gpu_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, inputs = images(ConvImage)
    encoder.save(tmp_path)
    monkeypatch.setattr(devices, "_gpus", lambda: ("meta", 1))
    monkeypatch.setattr(workers, "at_precision", lambda *_: nullcontext())  # not on meta
    found = load_encoder(tmp_path)
    assert {x.device.type for x in found.state_dict().values()} == {"meta"}
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        found.encode(inputs)  # all went well up to the last step, which only a real GPU has
    assert load_encoder(tmp_path, device="cpu").device == CPU
    monkeypatch.setenv(devices.VARIABLE, "cpu")
    assert load_encoder(tmp_path).device == CPU


def test_each_device_has_a_worker_that_computes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=16)
    whole = encoder.encode(TEXTS, token_budget=8)
    both = copies(encoder, [CPU, CPU])
    assert both[0] is encoder
    assert both[1].state_dict()["vectors"].data_ptr() != encoder.state_dict()["vectors"].data_ptr()
    work, meeting = set(), threading.Barrier(2, timeout=20)
    forward = StaticText.forward

    def watched(self: StaticText, features: dict) -> torch.Tensor:
        if len(work) < 2:  # neither goes on before the other has begun
            work.add(self.state_dict()["vectors"].data_ptr())
            meeting.wait()
        return forward(self, features)

    monkeypatch.setattr(StaticText, "forward", watched)
    found = encode_with(both, TEXTS, "document", token_budget=8)
    assert work == {one.state_dict()["vectors"].data_ptr() for one in both}
    assert np.abs(found - whole).max() < 1e-6


def test_a_file_by_two_workers_is_that_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=16)
    data = load_kept([{"id": str(i), "text": text} for i, text in enumerate(TEXTS)])
    seen = []
    monkeypatch.setattr(
        workers, "_each", lambda work, batches, n: seen.append(n) or map(work, batches)
    )
    for name, on in (("one", [CPU]), ("two", [CPU, CPU])):
        encode_file(encoder, data, tmp_path / f"{name}.npy", devices=on)
    assert seen == [torch.get_num_threads(), 2]
    one, two = (np.load(tmp_path / f"{name}.npy") for name in ("one", "two"))
    assert np.array_equal(one, two)


def test_an_error_of_a_worker_is_the_call_s(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: StaticText, features: dict) -> torch.Tensor:
        raise RuntimeError("out of memory")

    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=16)
    monkeypatch.setattr(StaticText, "forward", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        encode_with(copies(encoder, [CPU, CPU]), TEXTS, "document", token_budget=8)
