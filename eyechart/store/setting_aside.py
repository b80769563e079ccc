"""Damaged files are moved out of the way, so that what they held is computed again."""

from __future__ import annotations

from pathlib import Path

from eyechart.errors import BlockedError, DamagedError

DAMAGED = "damaged"
"""Folder of what did not prove itself; nothing is read from there."""


def set_aside(root: Path, name: str, error: BaseException) -> BlockedError:
    """Move a file of the store in `root` out of the way, and say so; one that cannot be read or moved stays."""
    path, aside = root / name, root / DAMAGED / name
    if isinstance(error, OSError) and error.errno is not None:
        return BlockedError(f"{path}: cannot be read ({error.strerror})")
    why = str(error) or type(error).__name__
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        path.replace(aside)
    except FileNotFoundError:
        pass  # another run was faster
    except OSError as refused:
        return BlockedError(
            f"{path} is damaged ({why}), and the store cannot be written to ({refused.strerror}) to have it "
            "computed again. Let it be written to, or give another folder: --store DIR"
        )
    return DamagedError(f"{path} is damaged ({why}); it is set aside in {root / DAMAGED}")
