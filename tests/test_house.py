"""The house rules that a machine can check: who imports whom, what a file exports, how long it is."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "sidelib").rglob("*.py"))
SCRIPTS = sorted((ROOT / "data_scripts").glob("*.py"))
# Lower never imports upper; what stands alone may be used by any.
LAYERS = {
    "_checks": 0, "papers": 0, "statistics": 0, "provenance": 0, "ledger": 1,
    "geometry": 1, "bins": 1, "scenes": 2, "models": 2, "metrics": 2, "losses": 2,
    "data": 3, "probes": 3, "figures": 3, "training": 4, "experiments": 5,
}  # fmt: skip


def part(module):
    return module.split(".")[1]


def imports(path):
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write imports in full"
            if node.module == "sidelib":
                yield from (f"sidelib.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lower_never_imports_upper_and_nothing_imports_a_chapter(path):
    name = path.relative_to(ROOT).with_suffix("").parts
    if len(name) == 2 and name[1] == "__init__":
        return
    own = name[1]
    for module in imports(path):
        assert module.split(".")[0] not in ("notebooks", "tests")
        if module.startswith("sidelib.") and part(module) != own:
            assert LAYERS[part(module)] < LAYERS[own], f"{own} imports {module}"


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_says_what_it_exports_and_stays_one_idea(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a file begins by saying what it is for"
    assert len(text.splitlines()) <= 350, "a file of this length is two ideas"
    exported = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    if path.name not in ("__init__.py", "__main__.py") or path.parent.name not in ("sidelib", "data_scripts"):
        assert exported, "name what is public in __all__"
    documented = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for node in documented:
        if exported and node.name in exported[0]:
            assert ast.get_docstring(node), f"{node.name} is public and has no docstring"


def test_chapters_are_sources_without_outputs_and_packages_only_bind_names():
    assert not list((ROOT / "notebooks").glob("*.ipynb"))
    for path in FILES:
        if path.name == "__init__.py" and path.parent.name in ("losses", "metrics"):
            kinds = {type(node) for node in ast.parse(path.read_bytes()).body}
            assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign}, f"{path}: the build follows names through it"
