"""yaml as recipes have it: plain values, and no key twice in a mapping."""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys without a word, against yaml's specification."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = (key_node.tag, key_node.value) if isinstance(key_node.value, str) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"found the key '{key_node.value}' twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The value of a yaml text; a yaml.YAMLError says where it cannot be read, or a key is twice.

    >>> load_yaml("queue: 64")
    {'queue': 64}
    """
    return yaml.load(text, _Loader)
