"""The command line on two processes: stages, queue and gradient cache, killed and resumed."""

import os
import socket
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

RECIPE = """\
data: {data}
encoder: static
encoder_options: {{dim: 16}}
batch_size: 32
chunk: 5
checkpoint_every: 7
log_every: 5
stages:
  - {{parts: ['queue:size=64'], temperature: 0.1, max_steps: 9}}
  - {{objective: infonce + 0.1 * siglip, parts: ['queue:size=48'], learning_rate: 0.001,
      max_steps: 40}}
"""


def start(out, recipe, processes, *more):
    """The processes as torchrun starts them, without a launcher that a kill would leave behind."""
    with socket.socket() as sock:
        sock.bind(("localhost", 0))
        port = sock.getsockname()[1]
    several = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "dipole", "train", "--recipe", recipe, "--out", out, *more],
            env=os.environ
            | {"OMP_NUM_THREADS": "1"}
            | (several | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(processes)
    ]


def finish(processes):
    for process in processes:
        text, _ = process.communicate()
        assert process.returncode == 0, text


def weights(out):
    return load_file(out / "model" / "model.safetensors")


@pytest.fixture
def recipe(tmp_path):
    words = [f"{a}{b}{c}" for a in "abcdef" for b in "ghijkl" for c in "mnop"]
    lines = [f"what does {w} do,the answer about {w} is here" for w in words]
    data = tmp_path / "pairs.csv"
    data.write_text("question,answer\n" + "\n".join(lines) + "\n", encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(data=data))
    return path


@pytest.mark.slow
def test_killed_on_two_processes_and_resumed_it_ends_as_it_would_have(tmp_path, recipe):
    whole, killed, one = (tmp_path / name for name in ("whole", "killed", "one"))
    finish(start(whole, recipe, 2))
    running = start(killed, recipe, 2)
    checkpoints = killed / "stages" / "2" / "checkpoints"
    while not any(checkpoints.glob("step-*")):
        time.sleep(0.01)
        assert all(process.poll() is None for process in running)
    for process in running:
        process.kill()  # SIGKILL: nothing is saved on the way out
        process.communicate()
    assert any(checkpoints.glob("step-*"))
    assert not (killed / "result.json").exists()
    finish(start(killed, recipe, 2, "--resume"))
    expected, found = weights(whole), weights(killed)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    finish(start(one, recipe, 1))
    for name, value in weights(one).items():
        torch.testing.assert_close(found[name], value, rtol=5e-3, atol=5e-4)


@pytest.mark.slow
def test_torchrun_and_a_batch_smaller_than_the_processes(tmp_path, recipe):
    """The last batch of 144 rows by 13 has one row; one process writes."""
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    process = subprocess.run(
        [sys.executable, *several, "-m", "dipole", "train", "--data", str(tmp_path / "pairs.csv"),
         "--out", str(tmp_path / "run"), "--batch-size", "13", "--epochs", "1", "--log-every", "1",
         "--encoder-option", "dim=16", "--validation", "0.2"],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert sum('"loss"' in line for line in lines) == len(lines) - 1
