"""Real mail programs: ``python -m tests.support.fetch_mail`` prepares them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import Bundle

_BUNDLE = Bundle("mail", "trixie", ("msmtp", "swaks", "neomutt", "mpop"))


@dataclass(frozen=True)
class MailPrograms:
    """msmtp, swaks, neomutt and mpop, unpacked."""

    root: Path

    def command(self, program: str) -> list[str]:
        """What runs ``program`` (such as ``usr/bin/msmtp``) with the libraries it came with."""
        return _BUNDLE.command(program)

    @property
    def perl_libraries(self) -> str:
        """For PERL5LIB, which swaks needs."""
        folders = [self.root / "usr/share/perl5"]
        for base in (_BUNDLE.libraries, self.root / "usr/share"):
            folders += sorted(path for path in base.glob("perl*") if path.is_dir())
            folders += sorted(path for path in base.glob("perl*/*") if path.is_dir())
        return ":".join(map(str, folders))


def installed() -> MailPrograms:
    """The prepared programs; raises when ``make peers`` has not fetched them."""
    _BUNDLE.require()
    return MailPrograms(_BUNDLE.root)


def main() -> int:
    _BUNDLE.fetch()
    print(f"msmtp, swaks, neomutt and mpop from Debian {_BUNDLE.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
