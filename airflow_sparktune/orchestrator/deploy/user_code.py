"""Collect the user's code to ship: the modules that a spec names, and the modules that they import."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from airflow_sparktune.errors import ObjectiveError, SpecError
from airflow_sparktune.study.definition.checks import OPTUNA

# The fields of a spec that may refer to user code.
REFERENCES = ("objective", "space", "execution.shared_data", "algo", "pruner")
# Folders of installed libraries, which may be beside a DAG file that is installed too.
INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class UserCode:
    """The user's code to ship: files by their path in the zip."""

    files: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """Return the hash of the files, which is part of a study's identity."""
        digest = hashlib.sha256()
        for name, data in sorted(self.files.items()):
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()


def gather_code(given: Mapping[str, Any], *, bases: Sequence[Path]) -> tuple[dict[str, Any], UserCode | None]:
    """Return a spec's fields with each reference as `module:name`, and the code to ship for them.

    `path/to/file.py:name` ships that file. `package.module:name` ships the top-level module or package from
    the first of `bases` that contains it. The modules in `bases` that shipped code imports are shipped too. A
    module in none of them must be importable where trials run. An installed package is shipped
    only if it contains the first base.
    """
    named, files = dict(given), dict[str, bytes]()
    for argument in REFERENCES:
        reference = given.get(argument)
        if is_reference(reference):
            where = reference.rpartition(":")[0]
            if where.endswith(".py"):
                path = _named_file(where, bases)
                named[argument] = module_reference(reference)
                files[path.name] = path.read_bytes()
            else:
                files |= _module(where.split(".")[0], bases)
    return named, UserCode(with_imports(files, bases=bases)) if files else None


def is_reference(value: Any) -> TypeGuard[str]:
    """Return whether a value refers to code, as `module:name` or `path/to/file.py:name`."""
    return isinstance(value, str) and ":" in value and not value.startswith(f"{OPTUNA}:")


def module_reference(reference: str) -> str:
    """Return a reference to a file as the one to its module: `path/to/file.py:name` is `file:name`."""
    where, _, name = reference.rpartition(":")
    return f"{Path(where).stem}:{name}" if where.endswith(".py") else reference


def source_file(where: str, bases: Sequence[Path]) -> Path | None:
    """Return the file of the module or path `where` that `gather_code` ships; None if no base has it."""
    if where.endswith(".py"):
        return next((path for base in bases if (path := base / where).is_file()), None)
    top, *rest = where.split(".")
    for base in bases:
        if not _is_searched(base, top, bases):
            continue
        if (base / f"{top}.py").is_file():
            return None if rest else base / f"{top}.py"
        if (base / top).is_dir():
            package = base.joinpath(top, *rest)
            return next((f for f in (package / "__init__.py", Path(f"{package}.py")) if f.is_file()), None)
    return None


def modules_beside(bases: Sequence[Path]) -> set[str]:
    """Return the names of the top-level modules and of the folders in `bases`."""
    found = set()
    for base in bases:
        for path in base.iterdir() if base.is_dir() else ():
            if (path.suffix == ".py" or path.is_dir()) and _is_searched(base, path.stem, bases):
                found.add(path.stem)
    return found


def find_script(
    application: str, arguments: Sequence[Any], *, beside: Sequence[str], bases: Sequence[Path]
) -> tuple[str, ...]:
    """Return a script, from the first of `bases` that contains it, and its arguments; a URL stays as it is.

    `beside` names arguments of a spec that were given too, which a script would ignore. Raises SpecError.
    """
    if beside:
        raise SpecError(
            f"application must stand alone, got {application!r} together with {', '.join(beside)}; "
            "a script sets its own objective, space and limits"
        )
    tried = [Path(base, application) for base in bases]
    path = next((path for path in tried if path.is_file()), None)
    if path is None and ":/" not in application:
        raise SpecError(
            f"application must be a file, got {application!r} and found none of "
            f"{', '.join(map(str, tried))}; give a path relative to the DAG file's folder, or an absolute one"
        )
    return (str(path or application), *map(str, arguments))


def script_imports(script: str, *, bases: Sequence[Path]) -> UserCode | None:
    """Return the code in `bases` that a script imports, to ship for its trials; None if there is none."""
    path = Path(script)
    if not path.is_file():
        return None
    shipped = with_imports({path.name: path.read_bytes()}, bases=(path.parent, *bases))
    del shipped[path.name]
    return UserCode(shipped) if shipped else None


def with_imports(files: Mapping[str, bytes], *, bases: Sequence[Path]) -> dict[str, bytes]:
    """Return the files and all modules in `bases` that they import, directly or indirectly."""
    found = dict(files)
    todo = list(files)
    while todo:
        path = todo.pop()
        for name in _imported(found[path]) if path.endswith(".py") else ():
            if name not in sys.stdlib_module_names:
                new = {key: data for key, data in _module(name, bases).items() if key not in found}
                found |= new
                todo += new
    return found


def _module(top: str, bases: Sequence[Path]) -> dict[str, bytes]:
    """Return the files of a top-level module or package; none if no base contains it."""
    for base in bases:
        if not _is_searched(base, top, bases):
            continue
        if (base / f"{top}.py").is_file():
            _check_name(top)
            return {f"{top}.py": (base / f"{top}.py").read_bytes()}
        # A folder without Python files is data, not a package.
        if top.isidentifier() and any((base / top).rglob("*.py")):
            _check_name(top)
            files = sorted(path for path in (base / top).rglob("*") if path.is_file() and _ships(path))
            return {path.relative_to(base).as_posix(): path.read_bytes() for path in files}
    return {}


def _is_searched(base: Path, top: str, bases: Sequence[Path]) -> bool:
    """Return whether a base may contain the user's module: of installed packages only the first base's."""
    return base.name not in INSTALLED or bases[0].resolve().is_relative_to(base.resolve() / top)


def _imported(source: bytes) -> Iterator[str]:
    """Yield the top-level modules that a source file imports; none if it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # the driver reports the error with its line
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name.split(".")[0] for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield module.split(".")[0]


def _named_file(where: str, bases: Sequence[Path]) -> Path:
    tried = [Path(base, where) for base in bases] or [Path(where)]
    for path in tried:
        if path.is_file():
            _check_name(path.stem)
            return path
    raise ObjectiveError(
        f"a named file must exist, got {where!r} and found none of {', '.join(map(str, tried))}; "
        "give a path relative to the DAG file's folder, or an absolute one"
    )


def _check_name(name: str) -> None:
    if name in sys.stdlib_module_names:
        raise ObjectiveError(
            f"a shipped module must not have the name of a standard library module, got {name!r}; "
            "rename the file"
        )


def _ships(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.suffix != ".pyc"
