"""Ready configurations by name: the YAML files in ``profiles/``."""

from __future__ import annotations

from pathlib import Path


def profile_directory() -> Path:
    """Where profiles are: within the installed package, or at the top of the source tree."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "profiles"
    return installed if installed.is_dir() else package.parent / "profiles"


def profiles() -> dict[str, Path]:
    """Name -> file of every profile."""
    return {path.stem: path for path in sorted(profile_directory().glob("*.yaml"))}
