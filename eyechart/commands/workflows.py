"""The CI that `eyechart init` writes: a workflow for GitHub or for GitLab, from a template that ships."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

FILES = {"github": ".github/workflows/eyechart.yml", "gitlab": ".gitlab-ci.yml"}
"""Kind of CI → the file that it reads."""

_TEMPLATES = Path(__file__).with_name("templates")


def kind_of(repository: Path) -> str:
    """`gitlab` for a repository with a remote there or a `.gitlab-ci.yml`, else `github`."""
    config = repository / ".git" / "config"
    remotes = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    return "gitlab" if "gitlab" in remotes or (repository / FILES["gitlab"]).exists() else "github"


def workflow(kind: str, weights: str = "", images: str = "") -> str:
    """Text of a workflow for a project that judges these weights on these images.

    weights  a path from the repository's root, or empty for one that is elsewhere
    images   a folder, likewise
    """
    text = (_TEMPLATES / f"{kind}.yml").read_text(encoding="utf-8")
    inside = [path for path in (weights, f"{images}/**" if images else "") if path and not Path(path).is_absolute()]
    deciding = ["models.yaml", "behaviors/**", *inside]
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in deciding)
    return text.replace("@DECIDING@", listed).replace("@FILES@", _two(["models.yaml", *inside]))


def _two(paths: Sequence[str]) -> str:
    """The files that a cache of GitLab goes by: two at most, and no folders."""
    return json.dumps([path for path in paths if "*" not in path][:2])
