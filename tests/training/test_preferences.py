"""Preferences through the one trainer: a policy that learns, resumes to the bit, and loads."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from dipole.cli import app
from dipole.data import Pairs, load_preferences
from dipole.errors import InputError
from dipole.training.fit import fit
from dipole.training.parts.reference import mismatched
from support.killing import killed_at
from support.tiny_llama import save_tiny_llama

PAIRS = [
    {"prompt": f"{a} and {b}: ", "chosen": f"{a + b}", "rejected": f"{a * b + 20}"}
    for a in range(2, 8)
    for b in range(2, 6)
]
POINTS = [
    {"prompt": row["prompt"], "response": row[kind], "label": kind == "chosen"}
    for row in PAIRS
    for kind in ("chosen", "rejected")
]
LISTS = [
    {
        "prompt": row["prompt"],
        "responses": [row["chosen"], row["rejected"], "no"],
        "scores": [9, 2, 1],
    }
    for row in PAIRS
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path_factory.getbasetemp() / "log-probs"))


def trained(tiny, out, data=PAIRS, **more):
    settings = {"objective": "dpo", "batch_size": 8, "max_steps": 4, "learning_rate": 1e-2}
    settings |= {"log_every": 1, "show_progress": False} | more
    return fit(data, out=out, encoder=f"lm:{tiny}", **settings)


def losses(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_a_policy_learns_and_transformers_reads_it(tiny, tmp_path):
    """It starts at log 2, where policy and reference are one, and ends below."""
    run = trained(tiny, tmp_path / "run", max_steps=12, validation=0.3, validate_every=4)
    found = losses(tmp_path / "run")
    assert found[0] == pytest.approx(0.693147, abs=1e-5)
    assert found[-1] < 0.5
    lines = [json.loads(s) for s in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    measured = [line for line in lines if "validation/preference accuracy" in line]
    assert len(measured) == 3
    assert measured[-1]["validation/preference accuracy"] > 0.8
    assert measured[-1]["validation/reward margin"] > 0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model")
    assert torch.equal(model.lm_head.weight, run.encoder.model.lm_head.weight)


@pytest.mark.parametrize(
    ("settings", "data"),
    [
        ({"objective": "dpo(logps=mean_logps, ref_logps=ref_mean_logps)"}, PAIRS),
        ({"objective": "ld-dpo", "chunk": 3}, PAIRS),
        ({"objective": "simpo"}, PAIRS),
        ({"objective": "orpo"}, PAIRS),
        ({"objective": "aot + 0.1 * cpo"}, PAIRS),
        ({"objective": "kto"}, POINTS),
        ({"objective": "bco"}, POINTS),
        ({"objective": "ulma"}, PAIRS),
        ({"objective": "nca"}, LISTS),
        ({"objective": "dpo", "adapter": "lora", "adapter_options": {"rank": 2}}, PAIRS),
    ],
    ids=lambda value: value["objective"] if isinstance(value, dict) else "",
)
def test_killed_in_a_step_it_ends_the_same(settings, data, tiny, tmp_path, monkeypatch):
    more = settings | {"checkpoint_every": 2, "batch_size": 6}
    trained(tiny, tmp_path / "whole", data, **more)
    killed_at(monkeypatch, 3, trained, tiny, tmp_path / "killed", data, **more)
    trained(tiny, tmp_path / "killed", data, resume=True, **more)
    name = "adapter_model" if "adapter" in settings else "model"
    one, other = (
        load_file(tmp_path / run / "model" / f"{name}.safetensors") for run in ("whole", "killed")
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert losses(tmp_path / "whole") == losses(tmp_path / "killed")


def test_pieces_of_a_batch_have_its_gradient(tiny, tmp_path):
    for chunk in (None, 3):
        trained(tiny, tmp_path / str(chunk), chunk=chunk, max_steps=2, precision="fp32")
    one, other = (load_file(tmp_path / str(c) / "model/model.safetensors") for c in (None, 3))
    for key, tensor in one.items():
        torch.testing.assert_close(other[key], tensor, atol=1e-5, rtol=1e-4)


def test_the_reference_is_asked_once(tiny, tmp_path, monkeypatch):
    trained(tiny, tmp_path / "first", seed=3)
    monkeypatch.setattr("dipole.language.stored.log_probs_of", None)
    trained(tiny, tmp_path / "second", seed=3)
    assert losses(tmp_path / "first") == losses(tmp_path / "second")


def test_another_model_may_be_the_reference(tiny, tmp_path):
    other = save_tiny_llama(tmp_path / "other", seed=5)
    trained(tiny, tmp_path / "run", parts=[f"reference:model={other}"], max_steps=1)
    assert abs(losses(tmp_path / "run")[0] - 0.693147) > 1e-3


def test_mismatched_answers_are_of_another_prompt():
    rows = [
        {"prompt": prompt, "response": answer, "label": True}
        for prompt, answer in [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("a", "5")]
    ]
    found = mismatched(load_preferences(rows))
    assert list(found.column("answers")) == [["3"], ["3"], ["4"], ["5"], ["3"]]


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (POINTS, {}, "found one answer and none beside it; dpo needs a chosen and a rejected"),
        (LISTS, {}, "found 3 answers; dpo needs a chosen and a rejected answer of every prompt"),
        (POINTS, {"objective": "nca"}, "nca needs two answers or more of every prompt"),
        (LISTS, {"objective": "kto"}, "found the rating 9; kto takes good"),
        (PAIRS, {"objective": "infonce"}, "expected pairs"),
        (PAIRS, {"view": ["same"]}, "view: found one for preferences"),
        (
            PAIRS,
            {"encoder": "static"},
            "encoder: found StaticText, which gives vectors, and an objective of log-probab",
        ),
        (
            Pairs.from_columns({"anchor": ["a", "b"], "positive": ["c", "d"]}),
            {},
            "found Pairs .*; dpo needs preferences",
        ),
    ],
)
def test_what_does_not_fit_gets_one_line(data, settings, message, tiny, tmp_path):
    settings = {"encoder": f"lm:{tiny}", "objective": "dpo"} | settings
    with pytest.raises(InputError, match=message) as raised:
        fit(data, out=tmp_path / "run", show_progress=False, **settings)
    assert "\n" not in str(raised.value)


def test_the_command_trains_and_says_what_it_cuts(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [row | {"prompt": 40 * "long " + row["prompt"]} for row in PAIRS]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    command = ["train", "--encoder", f"lm:{tiny}", "--objective", "dpo", "--data", "p.jsonl"]
    found = CliRunner().invoke(app, [*command, "--out", "run", "--max-steps", "2"])
    assert found.exit_code == 0, found.output
    assert "24 of 24 prompts lose their beginning" in found.output
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "a", "chosen": "b"}))
    with pytest.raises(InputError, match="found 'chosen' and no rejected answer among"):
        CliRunner().invoke(app, [*command, "--out", "other"], catch_exceptions=False)


def test_a_lora_is_folded_by_merge_into_a_model_of_transformers(tiny, tmp_path):
    run = trained(tiny, tmp_path / "run", adapter="lora", adapter_options={"rank": 2})
    command = ["merge", str(tmp_path / "run"), "--out", str(tmp_path / "whole")]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.output
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "whole").eval()
    ids = torch.arange(1, 9)[None]
    with torch.no_grad():
        wanted = run.encoder.model(input_ids=ids).logits
        torch.testing.assert_close(plain(input_ids=ids).logits, wanted, atol=1e-4, rtol=0)
