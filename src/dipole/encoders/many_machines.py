"""Vectors of a corpus made by many processes or machines, on Ray Data."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dipole.devices import device
from dipole.encoders.base import Encoder, Role, fingerprint
from dipole.encoders.loading import load_encoder
from dipole.errors import InputError, optional
from dipole.files import write_text
from dipole.lock import LOCK, Lock

# Texts handed to a worker at once: enough to be sorted by length into full batches.
ROWS = 1024
# Beside the vectors: what each folder of them was made of.
MADE_OF = "made_of.json"
READERS = {".parquet": "read_parquet", ".jsonl": "read_json", ".json": "read_json"}
READERS |= {".csv": "read_csv", ".tsv": "read_csv"}


def embed_corpus(
    model: str | Path,
    files: Sequence[str | Path],
    out: str | Path,
    *,
    text: str = "text",
    id: str = "id",
    role: Role = "document",
    workers: int = 2,
    address: str | None = None,
) -> list[Path]:
    """Encode the texts of files into parquet folders `out/FILE.vectors`, columns `id`, `vector`.

    Every worker holds one copy of the model; files stream through them block by block, so that a
    corpus of any size takes the memory of some blocks. A folder appears when its file is done:
    what is there already is not encoded again, so a stopped call goes on when repeated.

    Args:
        model: a run, a model folder or a hub id that every machine can read.
        files: parquet, jsonl or csv; on many machines on storage that all of them see.
        text, id: columns of the text and of its id.
        workers: copies of the model; one GPU each where the cluster has GPUs.
        address: of a running Ray cluster ("auto" or ray://host:port); None starts one here.

    Raises:
        InputError: no such file, column or model; a format that is not known; vectors in `out`
            that another model made, or of another file.
        RunError: another process is at work in `out`.

    Example:
        >>> embed_corpus("runs/first", ["corpus.jsonl"], "vectors", workers=2)  # doctest: +SKIP
        [PosixPath('vectors/corpus.jsonl.vectors')]
    """
    paths = [Path(file) for file in files]
    targets = [Path(out) / f"{path.name}.vectors" for path in paths]
    if len(set(targets)) < len(targets):
        raise InputError("files: two have the same name; expected different names")
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected parquet, jsonl or csv")
        if path.suffix not in READERS:
            raise InputError(f"{path}: format {path.suffix!r}; expected {', '.join(READERS)}")
    if workers < 1:
        raise InputError(f"workers: found {workers}, expected at least 1")
    made_by = fingerprint(load_encoder(model))  # a wrong path is said here, not by a worker
    with Lock(Path(out) / LOCK, f"{out}: another embedding"):
        record = Path(out) / MADE_OF
        made = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        asked = {
            t.name: _made_of(made_by, p, id, text, role)
            for p, t in zip(paths, targets, strict=True)
        }
        for target in targets:
            if target.exists() and made.get(target.name) != asked[target.name]:
                raise InputError(
                    f"{target}: made by another model, of another file or of other columns; "
                    "expected a new folder, or remove it"
                )
        todo = [(p, t) for p, t in zip(paths, targets, strict=True) if not t.exists()]
        if not todo:
            return targets
        write_text(record, json.dumps(made | asked, indent=1) + "\n")
        with cluster(address, workers) as ray:
            for path, target in todo:
                rows = _read(ray, path, [id, text])
                found = rows.map_batches(
                    _Embed,
                    fn_constructor_args=(str(Path(model).resolve()), id, text, role),
                    batch_format="pyarrow",
                    batch_size=ROWS,
                    **worker_options(ray, workers),
                )
                partial = target.with_name(f".{target.name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                found.write_parquet(str(partial.resolve()))
                partial.rename(target)
    return targets


def _made_of(model: str, path: Path, id: str, text: str, role: Role) -> list[Any]:
    """What vectors depend on; a file by its size and time of change."""
    found = path.stat()
    return [model, found.st_size, found.st_mtime_ns, id, text, role]


class _Embed:
    """A worker: the model, loaded once."""

    def __init__(self, model: str, id: str, text: str, role: Role) -> None:
        self.encoder: Encoder = load_encoder(model)
        self.id, self.text, self.role = id, text, role

    def __call__(self, rows: Any) -> Any:
        import pyarrow as pa

        vectors = self.encoder.encode(rows[self.text].to_pylist(), role=self.role)
        flat = pa.array(vectors.reshape(-1))
        ids = [str(value) for value in rows[self.id].to_pylist()]
        columns = [pa.array(ids), pa.FixedSizeListArray.from_arrays(flat, self.encoder.dim)]
        return pa.table(columns, names=["id", "vector"])


def encode_blocks(
    encoder: Encoder,
    blocks: Iterable[Sequence[str]],
    *,
    role: Role = "document",
    workers: int = 2,
    address: str | None = None,
) -> Iterator[np.ndarray]:
    """Vectors (n, dim) of each block of texts, in the order of the blocks, by copies of a model.

    Two blocks for every worker are on their way at a time, so memory does not grow with their
    number. Arguments as in `embed_corpus`; the encoder itself travels, not its path.
    """
    with cluster(address, workers) as ray:
        options = worker_options(ray, workers)
        options.pop("concurrency")
        # A worker may have another GPU, or none: weights travel on the CPU.
        sent = encoder if encoder.device.type == "cpu" else copy.deepcopy(encoder).cpu()
        worker, model = ray.remote(**{"num_cpus": 1} | options)(_Copy), ray.put(sent)
        copies = [worker.remote(model) for _ in range(workers)]
        waiting: deque[Any] = deque()
        for number, block in enumerate(blocks):
            waiting.append(copies[number % workers].encode.remote(list(block), role))
            if len(waiting) == 2 * workers:
                yield ray.get(waiting.popleft())
        while waiting:
            yield ray.get(waiting.popleft())


class _Copy:
    """A worker that was sent its model."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder.to(device())

    def encode(self, texts: list[str], role: Role) -> np.ndarray:
        return self.encoder.encode(texts, role=role)


@contextmanager
def cluster(address: str | None, workers: int) -> Iterator[Any]:
    """Ray, connected: to the cluster at `address`, or to one that is started here and ended."""
    ray = optional("ray", "ray")
    optional("ray.data", "ray")
    ours = not ray.is_initialized()
    if ours:
        # Workers wait for each other: one more place, so that reading and writing go on beside.
        here = {} if address else {"num_cpus": workers + 2, "include_dashboard": False}
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            ray.init(address=address, logging_level="error", log_to_driver=False, **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"Ray cluster {address or 'of this machine'}: "
                f"{str(error).splitlines()[0].rstrip('.')}; "
                "expected auto or ray://host:port of one that runs"
            ) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = os.isatty(2)
    context.print_on_execution_start = False
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def worker_options(ray: Any, workers: int) -> dict[str, Any]:
    """How `map_batches` places the copies of a model."""
    gpus = ray.cluster_resources().get("GPU", 0)
    options: dict[str, Any] = {"concurrency": workers}
    return options | ({"num_gpus": min(1, gpus / workers)} if gpus else {})


def _read(ray: Any, path: Path, columns: list[str]) -> Any:
    """A file as a stream of blocks with these columns."""
    import pyarrow.csv

    options: dict[str, Any] = {}
    if path.suffix == ".tsv":
        options["parse_options"] = pyarrow.csv.ParseOptions(delimiter="\t")
    if path.suffix == ".jsonl":
        options["lines"] = True
    rows = getattr(ray.data, READERS[path.suffix])(str(path.resolve()), **options)
    known = rows.schema().names
    for column in columns:
        if column not in known:
            raise InputError(f"{path}: no column '{column}'; columns found: {', '.join(known)}")
    return rows.select_columns(columns)
