"""Which device is chosen: of machines with and without GPUs, which are pretended here."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dipole
from dipole import devices
from dipole.devices import device, on_device, use_device
from dipole.errors import InputError

GPUs = Callable[[str, int], None]


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    use_device(None)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> GPUs:
    def pretend(kind: str, count: int) -> None:
        monkeypatch.setattr(devices, "_gpus", lambda: (kind, count))

    return pretend


def chosen() -> list[str]:
    return [str(one) for one in devices.devices()]


def test_the_gpu_if_there_is_one(gpus: GPUs) -> None:
    assert str(device()) == "cpu"
    gpus("cuda", 2)
    assert str(device()) == "cuda"
    assert chosen() == ["cuda"]  # one, as nobody asked for all


def test_the_option_goes_before_the_variable(gpus: GPUs, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus("cuda", 2)
    monkeypatch.setenv(devices.VARIABLE, "cuda:1")
    assert str(device()) == "cuda:1"
    use_device("cpu")
    assert str(device()) == "cpu"
    assert devices.environment() == {devices.VARIABLE: "cpu"}
    use_device(None)  # the next command, which says nothing
    assert str(device()) == "cuda:1"
    with on_device("auto"):
        assert str(device()) == "cuda"


def test_a_block_is_of_its_thread(gpus: GPUs) -> None:
    gpus("cuda", 2)
    seen = []
    with on_device("cuda:1"):
        thread = threading.Thread(target=lambda: seen.append(str(device())))
        thread.start()
        thread.join()
        assert str(device()) == "cuda:1"
    assert seen == ["cuda"]


def test_several_are_for_encode(gpus: GPUs) -> None:
    use_device("cpu,cpu")
    assert chosen() == ["cpu", "cpu"]
    gpus("cuda", 3)
    use_device("cuda")
    assert chosen() == ["cuda:0", "cuda:1", "cuda:2"]
    use_device("cuda:2, cuda:0")
    assert chosen() == ["cuda:2", "cuda:0"]
    with pytest.raises(InputError, match=r"expected one \(only dipole encode uses several\)"):
        device()
    use_device("cuda:1,cuda:1")
    with pytest.raises(InputError, match="found cuda:1 twice; expected every GPU once"):
        devices.devices()


@pytest.mark.parametrize("name", ["gpu", "cuda", "cuda:0", "meta", "cpu:1", "cuda;1"])
def test_what_is_not_there_without_a_gpu(name: str) -> None:
    use_device(name)
    with pytest.raises(InputError) as error:
        device()
    assert str(error.value) == (
        f"--device {name}: found no {name} here; expected cpu or auto, as torch sees no GPU"
    )


def test_no_name_is_no_device() -> None:
    use_device("")
    with pytest.raises(InputError, match="--device: found no name; expected cpu or auto, as torch"):
        device()


def test_what_is_not_there_beside_gpus(gpus: GPUs, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus("cuda", 2)
    monkeypatch.setenv(devices.VARIABLE, "cuda:2")
    with pytest.raises(InputError, match=r"DIPOLE_DEVICE=cuda:2: found no cuda:2 here; expected "
                       r"cpu, cuda, cuda:0 to cuda:1, or auto"):  # fmt: skip
        device()
    with (
        pytest.raises(InputError, match=r"^device mps: found no mps here"),
        on_device("mps"),
    ):
        pass
    assert devices._ASKED.get() is None


def test_each_process_of_a_training_has_its_own(
    gpus: GPUs, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus("cuda", 2)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert str(device()) == "cuda:1"
    use_device("cpu")
    assert str(device()) == "cpu"
    use_device("cuda:0")
    with pytest.raises(InputError, match="found one GPU for several processes"):
        device()


def test_nothing_else_asks_for_a_gpu() -> None:
    package = Path(dipole.__file__).parent
    asks = re.compile(r"(cuda|accelerator|mps|xpu)\.is_available|current_accelerator|device_count")
    found = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if asks.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["devices.py"]


def test_torch_built_for_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a laptop with torch from PyPI: it names what it was built for.
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert str(device()) == "cpu"
    assert os.environ.get(devices.VARIABLE) is None
