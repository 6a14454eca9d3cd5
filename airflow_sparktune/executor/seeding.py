"""The global random states of a trial: a reused worker keeps those of the last one, a new one has its own."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# Which function seeds a library. None is imported for this: it may be missing, or take seconds.
_SEEDS: Mapping[str, str] = {"numpy.random": "seed", "torch": "manual_seed"}


class _AtImport:
    """Seeds a library that an objective imports while it runs, as the body of a decorated task does."""

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
    """Seed Python's random state and those of numpy and torch, now or when they are imported."""
    random.seed(seed)
    for name in _SEEDS:
        if (module := sys.modules.get(name)) is not None:
            _seed(name, module, seed)
    _AT_IMPORT.seed = seed
    if _AT_IMPORT not in sys.meta_path:
        sys.meta_path.insert(0, _AT_IMPORT)


def _seed(name: str, module: ModuleType, seed: int) -> None:
    # One that another thread has half imported has no such function yet.
    function = getattr(module, _SEEDS[name], None)
    if function is not None:
        function(seed % 2**32)
