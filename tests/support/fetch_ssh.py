"""OpenSSH's clients: this machine's own, or from Debian (``python -m tests.support.fetch_ssh``)."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.support.debian import Bundle

_BUNDLE = Bundle("ssh", "trixie", ("openssh-client",))


def command(name: str = "ssh") -> list[str]:
    """What runs ssh, sftp or scp; raises when ``make peers`` has not fetched a missing one."""
    own = shutil.which(name)
    if own:
        return [own]
    _BUNDLE.require()
    return _BUNDLE.command(f"usr/bin/{name}")


def main() -> int:
    if shutil.which("ssh") is None:
        _BUNDLE.fetch()
    done = subprocess.run([*command(), "-V"], capture_output=True, text=True, check=True)
    print(done.stderr.strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
