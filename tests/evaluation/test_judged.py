"""Scores of a judge are measured as they are: by the tasks of lists and of pairs, and no others."""

import json
import sys

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from dipole.cli import main
from dipole.data import Pairs, Ranked, Scored
from dipole.errors import InputError
from dipole.evaluation import TASKS, evaluate_reranking
from dipole.evaluation.judged import as_vectors, is_judge
from support.tiny_bert import save_tiny_bert

RNG = np.random.default_rng(0)
TEXTS = [f"text {n}" for n in range(40)]
SCORES = {(a, b): float(RNG.normal(0, 30)) for a in TEXTS for b in TEXTS}


class Judge:
    """Scores that are no function of one text alone, far beyond what a cosine can be."""

    def score(self, first, second):
        return np.array([SCORES[pair] for pair in zip(first, second, strict=True)], np.float32)


def ranked():
    lists = [list(RNG.choice(TEXTS, 6, replace=False)) for _ in TEXTS]
    relevance = [[float(x) for x in RNG.integers(0, 3, 6)] for _ in TEXTS]
    return Ranked.from_columns({"query": TEXTS, "candidates": lists, "relevance": relevance})


def scored(values):
    columns = {"first": TEXTS[:20], "second": TEXTS[20:], "score": list(values)}
    return Scored.from_columns(columns)


def test_lists_are_ordered_by_the_scores():
    data = ranked()
    result = TASKS["reranking"](Judge(), data, system="judge", seed=1)
    gains, best = [], []
    for row in data:
        order = np.argsort([-SCORES[row["query"], text] for text in row["candidates"]])
        y = np.array(row["relevance"])
        discount = 1 / np.log2(np.arange(2, 8))
        gains.append((y[order] * discount).sum())
        best.append((np.sort(y)[::-1] * discount).sum())
    wanted = np.mean([g / b for g, b in zip(gains, best, strict=True) if b])
    assert result.value("nDCG@10") == pytest.approx(wanted, abs=1e-6)
    run = result.run[data[0]["id"]]
    wanted_scores = [SCORES[data[0]["query"], text] for text in data[0]["candidates"]]
    np.testing.assert_allclose(list(run.values()), wanted_scores, rtol=1e-6)


def test_pairs_are_measured_by_the_scores():
    gold = RNG.random(20)
    said = [SCORES[pair] for pair in zip(TEXTS[:20], TEXTS[20:], strict=True)]
    result = TASKS["sts"](Judge(), scored(gold))
    assert result.value("Spearman") == pytest.approx(spearmanr(said, gold).statistic, abs=1e-9)
    label = (gold > 0.5) * 1.0
    result = TASKS["pair-classification"](Judge(), scored(label))
    assert result.value("AP") == pytest.approx(average_precision_score(label, said), abs=1e-9)


def test_what_cannot_be_measured_is_refused():
    pairs = Pairs.from_columns({"anchor": TEXTS, "positive": TEXTS})
    with pytest.raises(InputError, match=r"^bitext: .*no vectors; expected --task reranking"):
        TASKS["bitext"](Judge(), pairs)

    class Wrong:
        def score(self, first, second):
            return np.zeros((len(first), 2))

    with pytest.raises(InputError, match=r"score: found shape \(240, 2\) for 240 pairs"):
        as_vectors(Wrong(), ranked(), "reranking")


def test_what_encodes_is_no_judge():
    class Both:
        def encode(self, inputs, role):
            return np.random.default_rng(len(inputs)).normal(size=(len(inputs), 4))

        def score(self, X, y):  # as scikit-learn has it
            raise AssertionError

    assert is_judge(Judge())
    assert not is_judge(Both())
    assert TASKS["reranking"](Both(), ranked()).system == "encoder"


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    from dipole.encoders.cross_text import CrossText

    tiny = save_tiny_bert(tmp_path / "tiny", TEXTS)
    torch.manual_seed(0)
    encoder = CrossText.from_inputs(model=str(tiny))
    encoder.save(tmp_path / "cross")
    data = ranked()
    with (tmp_path / "lists.jsonl").open("w") as file:
        for row in data:
            file.write(json.dumps({k: v for k, v in row.items() if k != "id"}) + "\n")
    command = ["evaluate", str(tmp_path / "cross"), "--data", str(tmp_path / "lists.jsonl")]

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dipole", *command, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    code, out, _ = run("--task", "reranking", "--json")
    assert code == 0
    encode, named = as_vectors(encoder, data, "reranking")
    wanted = evaluate_reranking(encode, named).value("nDCG@10")
    (system,) = json.loads(out)["systems"].values()
    assert system["metrics"]["nDCG@10"]["value"] == pytest.approx(wanted, abs=1e-9)
    code, _, err = run("--task", "geometry")
    assert code == 2
    assert "Traceback" not in err
