from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dipole.encoders.pooling import POOLINGS, check_pooling
from dipole.encoders.st_folder import read_settings, write_settings
from dipole.errors import InputError


def write(folder: Path, **files: Any) -> Path:
    for name, value in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(value))
    return folder


def modules(*kinds: str, prefix: str = "sentence_transformers.models.") -> list[dict[str, Any]]:
    paths = ["" if i == 0 else f"{i}_{kind}" for i, kind in enumerate(kinds)]
    return [
        {"idx": i, "name": str(i), "path": p, "type": prefix + k}
        for i, (p, k) in enumerate(zip(paths, kinds, strict=True))
    ]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("normalize", [True, False])
def test_what_is_written_is_read(tmp_path: Path, pooling: str, normalize: bool) -> None:
    prompts = {"query": "query: ", "document": ""}
    write_settings(
        tmp_path,
        pooling=check_pooling(pooling),
        dim=8,
        normalize=normalize,
        max_length=77,
        prompts=prompts,
    )
    found = read_settings(tmp_path)
    assert (found.pooling, found.normalize, found.max_length) == (pooling, normalize, 77)
    assert found.prompts == prompts
    assert found.transformer == tmp_path


def test_a_plain_folder_has_the_defaults(tmp_path: Path) -> None:
    found = read_settings(tmp_path)
    assert (found.pooling, found.normalize, found.prompts) == ("mean", True, {})


def test_the_names_of_version_6_are_read(tmp_path: Path) -> None:
    listed = modules("Transformer", "Pooling", prefix="sentence_transformers.base.modules.x.")
    pooling = {"embedding_dimension": 8, "pooling_mode": "lasttoken", "include_prompt": True}
    found = read_settings(write(tmp_path, modules=listed, **{"1_Pooling__config": pooling}))
    assert (found.pooling, found.normalize) == ("last", False)


def test_old_pooling_flags_without_any_set_mean_mean(tmp_path: Path) -> None:
    flags = {"word_embedding_dimension": 8, "pooling_mode_cls_token": False}
    write(tmp_path, modules=modules("Transformer", "Pooling"), **{"1_Pooling__config": flags})
    assert read_settings(tmp_path).pooling == "mean"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ("", "")),
        ({"prompts": {"query": "q: ", "passage": "p: "}}, ("q: ", "p: ")),
        ({"prompts": {"all": "x: "}, "default_prompt_name": "all"}, ("x: ", "x: ")),
        (
            {"prompts": {"all": "x: ", "query": "", "document": ""}, "default_prompt_name": "all"},
            ("", ""),
        ),
        ({"prompts": {"query": None}}, ("", "")),
    ],
)
def test_prompts_by_role(tmp_path: Path, config: Any, expected: tuple[str, str]) -> None:
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        config_sentence_transformers=config,
        **{"1_Pooling__config": {"pooling_mode": "mean"}},
    )
    prompts = read_settings(tmp_path).prompts
    assert (prompts["query"], prompts["document"]) == expected


def test_lower_case_and_length_are_read_from_old_file_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        sentence_roberta_config={"max_seq_length": 99, "do_lower_case": True},
        **{"1_Pooling__config": {"pooling_mode": "cls"}},
    )
    found = read_settings(tmp_path)
    assert (found.max_length, found.lower_case) == (99, True)


@pytest.mark.parametrize(
    "kinds", [("Transformer", "Pooling", "Dense"), ("CLIPModel",), ("Transformer",), ()]
)
def test_modules_it_cannot_carry_are_named(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    write(tmp_path, modules=modules(*kinds))
    named = ", ".join(kinds) or "none"
    with pytest.raises(InputError, match=rf"modules {named}; expected Transformer, Pooling"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("pooling", "named"),
    [
        ({"pooling_mode": "max"}, "pooling max; expected one of mean, cls, lasttoken"),
        ({"pooling_mode": ["cls", "mean"]}, r"pooling cls \+ mean;"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, r"cls.* \+ .*mean"),
        ({"pooling_mode": "mean", "include_prompt": False}, "include_prompt is false"),
    ],
)
def test_poolings_it_cannot_carry_are_named(
    tmp_path: Path, pooling: dict[str, Any], named: str
) -> None:
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        config_sentence_transformers={"prompts": {"query": "q: "}},
        **{"1_Pooling__config": pooling},
    )
    with pytest.raises(InputError, match=named):
        read_settings(tmp_path)


@pytest.mark.parametrize("content", [{"a": 1}, [1], [{"idx": 0}]])
def test_modules_of_another_shape_are_one_line(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match="expected a list of modules with idx, path and type"):
        read_settings(write(tmp_path, modules=content))
