"""Seed the global random states for each trial, so that a trial does not depend on its worker's history."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# The function that seeds each library. No library is imported for this: it may be missing, or take seconds.
_SEEDS: Mapping[str, str] = {"numpy.random": "seed", "torch": "manual_seed"}


class _AtImport:
    """Seeds a library when an objective imports it while running, e.g. in the body of a decorated task."""

    seed = 0

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in _SEEDS else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_seed(module: ModuleType) -> None:
            load(module)
            _seed(name, module, self.seed)

        spec.loader.exec_module = load_and_seed  # type: ignore[method-assign]
        return spec


_AT_IMPORT = _AtImport()


def seed_globals(seed: int) -> None:
    """Seed the random states of Python, numpy and torch. A library that is not loaded is seeded on import."""
    random.seed(seed)
    for name in _SEEDS:
        if (module := sys.modules.get(name)) is not None:
            _seed(name, module, seed)
    _AT_IMPORT.seed = seed
    if _AT_IMPORT not in sys.meta_path:
        sys.meta_path.insert(0, _AT_IMPORT)


def _seed(name: str, module: ModuleType, seed: int) -> None:
    # A module that another thread is importing may not have the function yet.
    function = getattr(module, _SEEDS[name], None)
    if function is not None:
        function(seed % 2**32)
