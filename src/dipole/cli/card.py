"""The model card of a run: how to use it, what it learnt from, how it was set, how it measures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.cli.trained import settings_of, trained_on
from dipole.errors import optional
from dipole.showing import counted, plain

if TYPE_CHECKING:
    from dipole.encoders import Encoder

# Settings that a section of its own says, or that say where something lies on one machine.
_ELSEWHERE = {"format", "data", "sources", "split", "validation", "checkpoint_every", "track"}
_ELSEWHERE |= {"on_bad_row", "log_every", "validate_every", "wants", "anchor", "positive"}

# The folders of an absolute path, or of one from here, above or home.
_FOLDERS = re.compile(r"(?<![\w.-])(?:~|\.{0,2})/(?:[^/\s,;]*/)*")


def model_card(
    run: str, encoder: Encoder, name: str, *, theirs: bool, brings_code: bool = False
) -> str:
    """The README.md of a model on the hub, yaml in front.

    Args:
        run: a run, whose `config.yaml`, `data.json`, `result.json` and reports of `dipole evaluate
            --json` (any `*.json` in it) are shown, or a model folder, which has none of these.
        name: id of the model on the hub.
        theirs: whether sentence-transformers loads the folder; `brings_code`: with code in it.

    Of a path from a root its last part is shown: no folder of this machine is published. A report
    with a note (trained on what was measured) is shown with it, and not in the yaml.
    """
    settings, reports = settings_of(run), _reports(run)
    parts = [
        f"---\n{_front(encoder, settings, reports, name, theirs)}\n---",
        f"# {name.rpartition('/')[2]}\n\n{_first(encoder)}",
        f"## Use\n\n{_use(encoder, name, theirs, brings_code)}",
    ]
    if data := _data(run, settings):
        parts.append(f"## Data\n\n{data}")
    if measures := _measures(run, reports):
        parts.append(f"## Measures\n\n{measures}")
    if settings:
        parts.append(f"## Settings\n\n{_settings(settings)}")
    return "\n\n".join(parts) + "\n"


def _front(
    encoder: Encoder, settings: Mapping[str, Any], reports: list[Any], name: str, theirs: bool
) -> str:
    hub = optional("huggingface_hub", "text")
    images = encoder.reads.startswith("images")
    made_of = str(settings.get("encoder", ""))
    results = [
        hub.EvalResult(
            task_type=report["task"],
            dataset_type=_bare(report.get("data", "")),
            dataset_name=_bare(report.get("data", "")),
            metric_type=metric,
            metric_name=metric,
            metric_value=round(found["value"], 4),
        )
        for report in reports
        if not _first_of(report).get("notes")
        for metric, found in _first_of(report)["metrics"].items()
        if found.get("value") is not None
    ]
    kind = "image-feature-extraction" if images else "sentence-similarity"
    tags = ["dipole", "contrastive-learning", "feature-extraction"]
    if encoder.reads_pairs:
        kind, tags, theirs = "text-ranking", ["dipole", "cross-encoder"], True
    card = hub.ModelCardData(
        library_name="sentence-transformers" if theirs else "dipole",
        pipeline_tag=kind,
        tags=tags,
        base_model=made_of if made_of.count("/") == 1 and not Path(made_of).exists() else None,
        model_name=name.rpartition("/")[2] if results else None,
        eval_results=results or None,
    )
    found: str = card.to_yaml().strip()
    return found


def _first(encoder: Encoder) -> str:
    if encoder.reads_pairs:
        return (
            f"A cross-encoder ({type(encoder).__name__}): it reads two texts together and says how "
            "well they fit, higher is better. Trained with dipole."
        )
    if hasattr(encoder, "encode_tokens"):
        return (
            f"An encoder ({type(encoder).__name__}) of texts: a vector of {encoder.dim} numbers "
            "for each token, compared by MaxSim. Trained with dipole."
        )
    return (
        f"An encoder ({type(encoder).__name__}) of {encoder.reads or 'inputs'}: vectors of "
        f"{encoder.dim} numbers, compared by their dot product. Trained with dipole."
    )


def _use(encoder: Encoder, name: str, theirs: bool, brings_code: bool) -> str:
    if encoder.reads_pairs:
        return _use_of_pairs(name)
    images = encoder.reads.startswith("images")
    queries, documents = ("images", "images") if images else ('["a question"]', '["an answer"]')
    sparse = hasattr(encoder, "encode_sparse")
    encode, theirs_is = ("encode_sparse", "SparseEncoder") if sparse else (
        "encode", "SentenceTransformer",
    )  # fmt: skip
    if of_tokens := hasattr(encoder, "encode_tokens"):
        encode, theirs_is = "encode_tokens", "MultiVectorEncoder"
    scores = "encoder.similarity(queries, documents)" if of_tokens else "queries @ documents.T"
    lines = [
        "```python\nfrom dipole.encoders import load_encoder\n",
        f'encoder = load_encoder("{name}")',
        f'queries = encoder.{encode}({queries}, role="query")',
        f'documents = encoder.{encode}({documents}, role="document")',
        f"scores = {scores}\n```\n",
        f"```bash\ndipole encode {name} --data FILE --out vectors."
        + ("npz" if sparse or of_tokens else "npy"),
        f"dipole index {name} --corpus FILE --out docs.index\n```",
    ]
    if theirs:
        trusted = ", trust_remote_code=True" if brings_code else ""
        lines += [
            "\nIn sentence-transformers"
            + (" (`static_words.py` counts the words of a text):" if brings_code else ":"),
            f"\n```python\nfrom sentence_transformers import {theirs_is}\n",
            f'model = {theirs_is}("{name}"{trusted})',
            f"queries = model.encode_query({queries})",
            f"documents = model.encode_document({documents})\n```",
        ]
    return "\n".join(lines)


def _use_of_pairs(name: str) -> str:
    """Of a cross-encoder, whose folder sentence-transformers loads as it is."""
    lines = [
        "```python\nfrom dipole.encoders import CrossText\n",
        f'judge = CrossText.load("{name}")',
        'scores = judge.score(["a question"], ["an answer"])\n```\n',
        f'```bash\ndipole search docs.index "a question" --rerank {name}\n```',
        "\nIn sentence-transformers:",
        "\n```python\nfrom sentence_transformers import CrossEncoder\n",
        f'scores = CrossEncoder("{name}").predict([("a question", "an answer")])\n```',
    ]
    return "\n".join(lines)


def _data(run: str, settings: Mapping[str, Any]) -> str:
    rows = [
        f"| {_cell(_bare(part.get('name', '')))} | {part.get('role', '')} | "
        f"{counted(int(part.get('rows', 0)), 'row')} | "
        f"{_cell(', '.join(f'{f}: {c}' for f, c in part.get('columns', {}).items()))} |"
        for part in trained_on(run)
    ]
    if not rows and settings.get("data"):
        rows = [f"| {_cell(_bare(settings['data']))} | training | | |"]
    return "\n".join(["| data | | rows | columns |", "|---|---|---|---|", *rows]) if rows else ""


def _measures(run: str, reports: list[Any]) -> str:
    found = []
    result = _json(Path(run) / "result.json")
    best = result.get("best") if isinstance(result, Mapping) else None
    if isinstance(best, float) and result.get("measure"):
        found.append(f"On the validation rows of the training: {result['measure']} "
                     f"{best:.4f} (step {result.get('best_step')}).")  # fmt: skip
    for report in reports:
        systems = report["systems"]
        names = ["this model", *(_cell(_bare(name)) for name in list(systems)[1:])]
        lines = [f"| {' | '.join(['', *names])} |", f"|---{'|---' * len(names)}|"]
        for metric in _first_of(report)["metrics"]:
            cells = [_interval(system["metrics"].get(metric, {})) for system in systems.values()]
            lines.append(f"| {metric} | {' | '.join(cells)} |")
        notes = [plain(note) for note in _first_of(report).get("notes", [])]
        split = f" ({report['split']})" if report.get("split") else ""
        found.append(
            f"{report['task']} on {_bare(report.get('data', ''))}{split}, "
            f"{counted(report['items'], report.get('item', 'item'))}, "
            f"{report['level']:.0%} bootstrap intervals:\n\n" + "\n".join(lines)
        )
        found += [f"{note[:1].upper()}{note[1:]}." for note in notes]
    return "\n\n".join(found)


def _settings(settings: Mapping[str, Any]) -> str:
    import yaml

    shown = {
        name: _bare(value)
        for name, value in settings.items()
        if name not in _ELSEWHERE and value is not None and value is not False
        if not isinstance(value, str | list | dict) or value
    }
    return f"```yaml\n{yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)}```"


def _reports(run: str) -> list[Any]:
    """What `dipole evaluate --json` printed into files of the run."""
    found = [_json(path) for path in sorted(Path(run).glob("*.json"))]
    return [report for report in found if _is_report(report)]


def _is_report(found: Any) -> bool:
    if not isinstance(found, Mapping) or not {"task", "items", "level"} <= found.keys():
        return False
    systems = found.get("systems")
    return (
        isinstance(systems, Mapping)
        and len(systems) > 0
        and all(isinstance(s, Mapping) and _are_measures(s) for s in systems.values())
    )


def _are_measures(system: Mapping[str, Any]) -> bool:
    metrics = system.get("metrics")
    return isinstance(metrics, Mapping) and all(isinstance(m, Mapping) for m in metrics.values())


def _first_of(report: Any) -> Any:
    return next(iter(report["systems"].values()))


def _interval(found: Mapping[str, Any]) -> str:
    if found.get("value") is None:
        return ""
    if found.get("low") is None:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _bare(value: Any) -> Any:
    """A value without the folders of this machine: of a path with a root, its last part."""
    if isinstance(value, str):
        return plain(_FOLDERS.sub("", value))
    if isinstance(value, Mapping):
        return {_bare(name): _bare(part) for name, part in value.items()}
    return [_bare(part) for part in value] if isinstance(value, list | tuple) else value


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
