"""The same run on one and on two processes ends with the same weights, to rounding."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

OPTIONS = [
    "--batch-size", "32", "--epochs", "2", "--log-every", "1", "--validation", "0.2",
    "--encoder-option", "dim=16", "--encoder-option", "dropout=0.0",
]  # fmt: skip


@pytest.mark.slow
def test_two_processes_end_as_one(tmp_path):
    words = [f"{a}{b}{c}" for a in "abcdef" for b in "ghijkl" for c in "mnop"]
    lines = [f"what does {w} do,the answer about {w} is here" for w in words]
    data = tmp_path / "pairs.csv"
    data.write_text("question,answer\n" + "\n".join(lines) + "\n", encoding="utf-8")
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    for name, launcher in (("one", []), ("two", several)):
        process = subprocess.run(
            [sys.executable, *launcher, "-m", "dipole", "train", "--data", str(data),
             "--out", str(tmp_path / name), *OPTIONS],
            env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
    logs = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1])  # one process writes
    for one, two in zip(*(map(json.loads, log) for log in logs), strict=True):
        assert one.keys() == two.keys()
        for name in {"loss", "validation/MRR@10"} & one.keys():
            assert one[name] == pytest.approx(two[name], rel=1e-4), one["step"]
    one, two = (load_file(tmp_path / n / "model" / "model.safetensors") for n in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-5)
