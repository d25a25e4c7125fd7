"""Tells whether a place of the answer belongs to one of its parts."""

from typing import Any

from gateway.federation.report import Path


def lies_within(path: Path, out: Any) -> bool:
    """Whether a path below an object (or list) leads to what this part shows of it: to a null as well, not beyond."""
    for step in path:
        if out is None:
            return True
        if isinstance(step, int):
            if not isinstance(out, list) or step >= len(out):
                return False
        elif not isinstance(out, dict):
            return True
        elif step not in out:
            return False
        out = out[step]
    return True


def place_in(path: Path, base: Path, out: Any) -> bool:
    """The same for a path from the root and a part that begins at `base`."""
    return path[: len(base)] == base and lies_within(path[len(base) :], out)


def survives(path: Path, base: Path, out: Any, first: int = 0) -> bool:
    """Whether there is anything at a path, in what a part shows at `base`, a list from its item `first` on."""
    for number, step in enumerate(path[len(base) :]):
        if out is None:
            return False
        if isinstance(step, int):
            index = step - first if number == 0 else step
            if not isinstance(out, list) or index >= len(out):
                return False
            out = out[index]
        else:
            out = out.get(step) if isinstance(out, dict) else None
    return out is not None
