"""The Java I2P router for the tests: ``python -m tests.support.fetch_java`` prepares it once.

Router and streaming library come from Maven Central through the machine's own ``mvn``; a small
program of ours (``java/Peer.java``) is compiled against them. Needs a JDK (17 or newer) and Maven.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.debian import cache_dir, exclusive_cache

#: the newest release that Maven Central has of all of them
RELEASE = "2.7.0"
_ARTIFACTS = (
    "net.i2p:router",
    "net.i2p:i2p",
    "net.i2p.client:mstreaming",
    "net.i2p.client:streaming",
)
_SOURCE = Path(__file__).with_name("java") / "Peer.java"
_TIMEOUT_S = 600


def _root() -> Path:
    """One folder for each version of our own program."""
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    return cache_dir() / f"java-{RELEASE}-{digest}"


def command(*, memory_mb: int = 128, ipv6: bool = False) -> list[str]:
    """What runs ``Peer``; its arguments follow. Raises when ``make peers`` has not fetched it."""
    root = _root()
    if not (root / ".complete").exists():
        raise RuntimeError(f"the Java router is missing in {root}: run `make peers`")
    return [
        "java",
        f"-Xmx{memory_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        f"-Djava.net.preferIPv4Stack={str(not ipv6).lower()}",
        "-cp",
        f"{root}/*",
        "Peer",
    ]


def sign_bundle(folder: Path, content: bytes, signer: str) -> tuple[bytes, bytes]:
    """(su3 file, certificate) of a zip as a reseed bundle, by Java I2P's ``SU3File``."""
    zipped, bundle, certificate = (folder / name for name in ("in.zip", "out.su3", "out.crt"))
    zipped.write_bytes(content)
    keys, password = str(folder / "keys.ks"), "changeit"
    program = [*command()[:-1], "net.i2p.crypto.SU3File"]
    for words in (
        ("keygen", "-p", password, str(certificate), keys, signer),
        (
            *("sign", "-c", "RESEED", "-f", "ZIP", "-p", password),
            *(str(zipped), str(bundle), keys, "1764547200", signer),
        ),
    ):
        done = subprocess.run(
            [*program, *words],
            input=f"{password}\n{password}\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=folder,
        )
        if done.returncode:
            raise RuntimeError(f"SU3File failed:\n{done.stdout}{done.stderr}")
    return bundle.read_bytes(), certificate.read_bytes()


def fetch() -> None:
    """Download the libraries and compile our program unless the cache already holds both."""
    for program, package in (("mvn", "maven"), ("javac", "default-jdk-headless")):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is missing: apt-get install {package}")
    root = _root()
    with exclusive_cache("java"):
        if (root / ".complete").exists():
            return
        root.mkdir(parents=True, exist_ok=True)
        for artifact in _ARTIFACTS:
            _run(
                "mvn",
                "--batch-mode",
                "--quiet",
                "dependency:copy",
                f"-Dartifact={artifact}:{RELEASE}",
                f"-DoutputDirectory={root}",
                cwd=root,
            )
        _run("javac", "-nowarn", "-cp", f"{root}/*", "-d", str(root), str(_SOURCE), cwd=root)
        _run("jar", "cf", "peer.jar", *(path.name for path in root.glob("Peer*.class")), cwd=root)
        (root / ".complete").touch()


def _run(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, cwd=cwd
    )
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> int:
    fetch()
    print(f"Java I2P {RELEASE} from Maven Central")
    return 0


if __name__ == "__main__":
    sys.exit(main())
