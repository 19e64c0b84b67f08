"""Chromium from Debian, with fonts: ``python -m tests.support.fetch_chromium`` prepares it once.

Chromium finds its resources beside its own program and starts itself again for each tab. Run by a
loader, both would be the loader: so a copy of that stands beside Chromium, and a script that calls
it is what Chromium starts.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.debian import Bundle

_BUNDLE = Bundle("chromium", "trixie", ("chromium", "fonts-dejavu-core"))
_FOLDER = "usr/lib/chromium"
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{root}/fontcache</cachedir></fontconfig>
"""


def program() -> Path:
    """The script that starts Chromium; raises when ``make peers`` has not fetched it."""
    _BUNDLE.require()
    script = _BUNDLE.root / "chromium.sh"
    if not script.exists():
        _write(script)
    return script


def _write(script: Path) -> None:
    loader, option, libraries, chromium = _BUNDLE.command(f"{_FOLDER}/chromium")
    libraries += f":{_BUNDLE.libraries / 'pulseaudio'}"
    beside = _BUNDLE.root / _FOLDER / "loader"
    shutil.copy(loader, beside)
    fonts = _BUNDLE.root / "fonts.conf"
    fonts.write_text(_FONTS.format(root=_BUNDLE.root))
    call = shlex.join([str(beside), option, libraries, chromium])
    made = script.with_suffix(".new")
    made.write_text(f'#!/bin/sh\nexport FONTCONFIG_FILE={fonts}\nexec {call} "$@"\n')
    made.chmod(0o755)
    made.rename(script)


def main() -> int:
    _BUNDLE.fetch()
    done = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    print(f"{done.stdout.strip()} from Debian {_BUNDLE.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
