"""Systems, proofs and studies train by `dipole.fit`: no optimiser, no gradient, no loop over
batches of their own. What a method needs becomes a setting, a part, an objective or a step."""

import ast
from pathlib import Path

import pytest

import dipole

PACKAGE = Path(dipole.__file__).parent
ROOMS = ("systems", "proof", "studies")
FILES = [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
# Those that look at gradients and move no weight by them: identities, and a step whose losses are
# scaled by theirs.
LOOK_AT_GRADIENTS = {
    "systems/text/primer_contrastive_nlp.py",
    "systems/retrieval/grad_cache.py",
    "systems/retrieval/topic_moo.py",
    "systems/vision_language/zerovl.py",
}


def offences(text: str) -> list[str]:
    """What of a file trains by itself, with its line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        for name in _names(node):
            parts = name.split(".")
            own = {"optim", "backward"} & set(parts)
            if own or name.endswith(("autograd.grad", "func.grad")):
                found.append(f"line {node.lineno}: {name}")
    return found


def _names(node: ast.AST) -> list[str]:
    """The dotted names that a node imports, looks up or calls."""
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_step = node.func.attr == "step" and not node.args and not node.keywords
        return ["optim.step"] if is_step else []
    if isinstance(node, ast.Attribute):
        return [ast.unparse(node)]
    return [node.id] if isinstance(node, ast.Name) else []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_trains_but_the_trainer(path):
    found = offences(path.read_text(encoding="utf-8"))
    if str(path.relative_to(PACKAGE)) in LOOK_AT_GRADIENTS:
        assert found, "looks at none any more: take it out of LOOK_AT_GRADIENTS"
        assert all(line.endswith("grad") for line in found), found
    else:
        assert not found, "use dipole.fit: " + "; ".join(found)


def test_what_is_let_be_is_there():
    assert {str(path.relative_to(PACKAGE)) for path in FILES} >= LOOK_AT_GRADIENTS


@pytest.mark.parametrize(
    "line",
    [
        "import torch.optim",
        "from torch import optim",
        "from torch.optim import SGD",
        "torch.optim.AdamW(x)",
        "loss.backward()",
        "loss(x).sum().backward(retain_graph=True)",
        "optimizer.step()",
        "torch.autograd.grad(x, y)",
        "from torch.autograd import grad",
        "from torch.func import grad",
    ],
)
def test_what_it_finds(line):
    assert offences(f"for batch in batches:\n    {line}\n")


def test_what_it_lets_be():
    assert not offences('"""backward"""\nimport torch\nstep = trained.step(3)\nx.grad_cache()\n')
