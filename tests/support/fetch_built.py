"""Routers that are built from their packages: ``python -m tests.support.fetch_built``.

They are welcome and never required: where one cannot be built, the reason is kept beside the cache
and its test is skipped with that reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.debian import cache_dir, exclusive_cache

#: on an idle machine of two cores; what is half built goes on the next time
_BUILD_TIMEOUT_S = 300
_REASON_CHARACTERS = 600


@dataclass(frozen=True)
class BuiltPeer:
    """A program that a language's own package tool builds.

    ``tool``: its arguments, in which ``{root}`` is the folder that gets ``bin/…``.
    """

    name: str
    version: str
    program: str
    tool: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return cache_dir() / f"{self.name}-{self.version}"

    @property
    def path(self) -> Path:
        """The program."""
        return self.root / "bin" / self.program

    def why_missing(self) -> str | None:
        """None if it is there."""
        if self.path.exists():
            return None
        note = self._note
        reason = note.read_text() if note.exists() else "not fetched: run `make slow`"
        return f"{self.name} {self.version} cannot be had: {reason}"

    def fetch(self) -> None:
        """Build it unless the cache already holds it; a failure is noted, not raised."""
        with exclusive_cache(self.name):
            if self.path.exists():
                return
            self.root.mkdir(parents=True, exist_ok=True)
            self._note.write_text(self._build() or "the build made no such program")

    @property
    def _note(self) -> Path:
        return self.root / "why-not.txt"

    def _build(self) -> str:
        """What the tool said last; empty if it was content."""
        if shutil.which(self.tool[0]) is None:
            return f"{self.tool[0]} is not on this machine"
        arguments = [part.format(root=self.root) for part in self.tool]
        added = {key: value.format(root=self.root) for key, value in self.environment.items()}
        try:
            done = subprocess.run(
                arguments,
                env={**os.environ, "CARGO_BUILD_JOBS": "1", **added},
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_BUILD_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"not built within {_BUILD_TIMEOUT_S} s; the next run goes on from there"
        return done.stderr.strip()[-_REASON_CHARACTERS:] if done.returncode else ""


EMISSARY = BuiltPeer(
    "emissary",
    "0.4.0",
    "emissary-cli",
    (
        *("cargo", "install", "emissary-cli", "--version", "0.4.0", "--locked"),
        *("--no-default-features", "--root", "{root}"),
    ),
    # Fewer optimisations, a third of the time. The target folder lets a build that was ended go on.
    {
        "CARGO_TARGET_DIR": "{root}/target",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
        "CARGO_PROFILE_RELEASE_LTO": "false",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_TERM_COLOR": "never",
    },
)


def main() -> int:
    EMISSARY.fetch()
    print(EMISSARY.why_missing() or f"{EMISSARY.name} {EMISSARY.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
