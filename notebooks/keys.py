"""What a chapter depends on, and so when it must be executed again.

A chapter's key covers its source, its parameters, the lock, the machinery that executes it, the tables, results and
claims that it reads, and the files of sidelib that it reaches. Those are followed from the *names* it imports to the
files that define them: `from sidelib.losses import listmle` reaches `losses/listwise.py` and what that imports, not
every loss. What cannot be followed (a star, a package used as a whole) counts as all of it.
"""

import ast
import csv
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()[:16]


def code_of(source):
    """The Python of a MyST notebook: its `code-cell` blocks, without their options and IPython's own lines."""
    kept, state = [], "text"
    for line in source.splitlines():
        if state == "text":
            state = "start" if line.startswith("```{code-cell}") else "text"
        elif line.startswith("```"):
            state = "text"
        elif state == "start" and line == "---":
            state = "options"
        elif state == "options":
            state = "code" if line == "---" else "options"
        elif state == "start" and line.startswith(":"):
            continue
        else:
            state = "code"
            if not line.lstrip().startswith(("%", "!")):
                kept.append(line)
    return "\n".join(kept)


class Reach:
    """The files of one package, and the tables, results and claims, that a piece of code reaches."""

    def __init__(self, root=ROOT, package="sidelib"):
        self.root, self.package = root, package
        self.files, self.reads, self._seen = set(), set(), set()

    def visit(self, tree, module=""):
        """Follow every import in a syntax tree, also those inside functions; `module` is its dotted name."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == self.package:
                        self._whole(alias.name)
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(node, module)
                if source.split(".")[0] == self.package:
                    for alias in node.names:
                        self._name(source, alias.name)
            elif isinstance(node, ast.Call):
                self._read(node)

    def _absolute(self, node, module):
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        is_package = self._path(module).name == "__init__.py"
        base = parts[: len(parts) - node.level + is_package]
        return ".".join([*base, node.module] if node.module else base)

    def _path(self, module):
        """The file of a module, or the `__init__.py` of a package."""
        path = self.root.joinpath(*module.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def _name(self, module, name):
        if (module, name) in self._seen:
            return
        self._seen.add((module, name))
        path = self._path(module)
        if path.name != "__init__.py":
            return self._file(module)
        if name == "*":
            return self._whole(module)
        tree = ast.parse(path.read_bytes())
        if not all(_only_binds(statement) for statement in tree.body):
            self.files.add(path)  # this __init__ does something of its own
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    if (alias.asname or alias.name) == name:
                        return self._name(self._absolute(statement, module), alias.name)
            elif name in _defined(statement):
                self.files.add(path)
                return self.visit(tree, module)
        if self._path(f"{module}.{name}").is_file():
            return self._whole(f"{module}.{name}")
        self._whole(module)  # not found: trust nothing

    def _whole(self, module):
        path = self._path(module)
        if path.name != "__init__.py":
            return self._file(module)
        for file in sorted(path.parent.rglob("*.py")):
            relative = file.relative_to(self.root).with_suffix("")
            parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
            self._file(".".join(parts))

    def _file(self, module):
        path = self._path(module)
        if path in self.files or not path.is_file():
            return
        self.files.add(path)
        self.visit(ast.parse(path.read_bytes()), module)

    def _read(self, call):
        """Note a call of `table`, `results`, `panel` or `claim`, by its literal arguments where it has them."""
        name = getattr(call.func, "id", getattr(call.func, "attr", None))
        if name not in ("table", "results", "panel", "claim", "settle"):
            return
        literals = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        known = len(literals) == len(call.args) and bool(call.args)
        self.reads.add((name, *map(str, literals)) if known else (name,))


def _only_binds(statement):
    """An `__init__` statement that only names things: a docstring, an import from, `__all__`."""
    if isinstance(statement, ast.ImportFrom):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Assign) and "__all__" in _defined(statement)


def _defined(statement):
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {node.id for target in targets if target is not None for node in ast.walk(target) if hasattr(node, "id")}


def _folder(path):
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return digest(
        json.dumps([[str(file.relative_to(path)), digest(file.read_bytes())] for file in files if file.exists()])
    )


def _read_digest(read, root):
    book = root / "book"
    kind, *arguments = read
    if kind in ("claim", "settle"):
        if not arguments:
            return _folder(book / "claims.csv")
        with open(book / "claims.csv", encoding="utf-8", newline="") as file:
            return digest(json.dumps([row for row in csv.reader(file) if row and row[0] == arguments[0]]))
    if kind == "table":
        return _folder(
            book / "tables" / "_".join(arguments) if not arguments else book / "tables" / f"{'_'.join(arguments)}.csv"
        )
    # results(experiment, data, profile) and panel(experiment, data, profile, run): the whole folder of the record
    return _folder(book.joinpath("results", *arguments[:1], *(["-".join(arguments[1:3])] if arguments[1:] else [])))


def parts_of(source, parameters, root=ROOT, extra=()):
    """Everything that decides a chapter's outputs, each under a readable name with its digest.

    Args:
        source: path of the chapter's MyST source.
        parameters: what it is executed with.
        extra: further files that it reads, such as the executed chapters that the ledger gathers.
    """
    source = Path(source)
    text = source.read_text(encoding="utf-8")
    reach = Reach(root)
    try:
        reach.visit(ast.parse(code_of(text)))
    except SyntaxError:
        pass  # executing the chapter will say where; its source is part of its key
    parts = {"its source": digest(text), "its parameters": digest(json.dumps(parameters, sort_keys=True))}
    machinery = [root / "notebooks" / name for name in ("execute.py", "keys.py")]
    for path in [root / "requirements.txt", *machinery, *sorted(reach.files), *extra]:
        parts[path.relative_to(root).as_posix()] = digest(path.read_bytes())
    for read in sorted(reach.reads):
        parts[" ".join(read)] = _read_digest(read, root)
    return parts


def changes(old, new):
    """Names of the parts that differ between two runs, in the order of the new one."""
    return [name for name in [*new, *(name for name in old if name not in new)] if old.get(name) != new.get(name)]
