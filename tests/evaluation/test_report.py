import io
import json

import numpy as np
import pytest
from rich.console import Console

from dipole.errors import InputError
from dipole.evaluation import compare, evaluate_run
from dipole.evaluation.report import (
    check_per_item_path,
    print_report,
    report_json,
    write_per_item,
)


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(0)
    qrels = {f"q{i}": {f"d{i}": 1} for i in range(40)} | {"none": {}}

    def system(name, noise):
        scores = np.eye(40) + noise * rng.random((40, 40))
        run = {f"q{i}": {f"d{j}": float(s) for j, s in enumerate(scores[i])} for i in range(40)}
        return evaluate_run(run, qrels, system=name)

    return [system("runs/[a]", 1.2), system("bm25", 2)]


def text_of(report, **options):
    console = Console(file=io.StringIO(), width=100, highlight=False)
    print_report(report, console, **options)
    return console.file.getvalue()


def test_json_holds_everything(results):
    report = json.loads(json.dumps(report_json(results, data="toy", split="test", seed=0)))
    assert list(report)[:3] == ["data", "split", "seed"]
    assert (report["task"], report["items"], report["item"]) == ("retrieval", 40, "query")
    found = report["systems"]["bm25"]["metrics"]["MRR@10"]
    assert tuple(found.values()) == tuple(results[1]["MRR@10"])
    assert report["systems"]["bm25"]["notes"] == [
        "queries without a relevant document, left out: 1"
    ]
    test = compare(*results)["nDCG@10"]
    assert report["tests"]["bm25"]["nDCG@10"] == {
        "difference": test.difference.value,
        "low": test.difference.low,
        "high": test.difference.high,
        "p_permutation": test.p_permutation,
        "p_bootstrap": test.p_bootstrap,
    }


def test_table_shows_every_number(results):
    text = text_of(report_json(results), title="retrieval on [toy]")
    assert "retrieval on [toy]" in text
    assert "runs/" not in text  # the last part of a path is enough where it is unique
    for result in results:
        for value, low, high in result.intervals.values():
            if np.isfinite(low):
                assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in text
    assert "[a] minus bm25" in text
    assert "40 queries; [95 % bootstrap interval over queries]" in text
    assert "note: bm25: queries without a relevant document, left out: 1" in text
    # Recall@100 is 1 for every query: there is no interval, and the table says so.
    assert "1.000 [n/a]" in text
    assert "n/a: no interval" in text


def test_systems_of_the_same_name_show_their_paths(results):
    text = text_of(report_json([results[0], results[1].named("other/[a]")]))
    assert "runs/[a] minus other/[a]" in text


def test_one_system_has_no_test(results):
    text = text_of(report_json(results[:1]))
    assert "minus" not in text
    assert "permutation" not in text


def test_one_query():
    one = evaluate_run({"q": {"a": 1.0}}, {"q": {"a": 1}}, system="one")
    other = evaluate_run({"q": {"b": 1.0}}, {"q": {"a": 1}}, system="other")
    report = report_json([one, other])
    assert report["systems"]["one"]["metrics"]["MRR@10"] == {"value": 1, "low": None, "high": None}
    assert report["tests"]["other"]["MRR@10"]["p_permutation"] is None
    assert "+1.000 [n/a]" in text_of(report)


def test_per_item_files(results, tmp_path):
    write_per_item(tmp_path / "out.jsonl", results)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    write_per_item(tmp_path / "out.tsv", results)
    header, *lines = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert header == list(rows[0]) == ["id", "system", *results[0].per_item]
    assert len(rows) == len(lines) == 80
    for row, line in zip(rows, lines, strict=True):
        assert [row["id"], row["system"]] == line[:2]
        assert [row[m] for m in header[2:]] == list(map(float, line[2:]))
    mrr = [row["MRR@10"] for row in rows if row["system"] == "bm25"]
    assert np.mean(mrr) == pytest.approx(results[1].value("MRR@10"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jsonl", "out.tsv"]


def test_a_tab_in_an_id_does_not_break_the_table(tmp_path):
    one = evaluate_run({"a\tb": {"d": 1.0}}, {"a\tb": {"d": 1}}, system="s")
    write_per_item(tmp_path / "out.tsv", [one])
    assert (tmp_path / "out.tsv").read_text().splitlines()[1].startswith("a b\ts\t1.0")


def test_bad_paths(tmp_path):
    with pytest.raises(InputError, match=r"out\.csv: format '.csv'; expected .jsonl or .tsv"):
        check_per_item_path(tmp_path / "out.csv")
    one = evaluate_run({"a": {"d": 1.0}}, {"a": {"d": 1}}, system="s")
    with pytest.raises(InputError, match="no folder"):
        write_per_item(tmp_path / "none" / "out.tsv", [one])
