"""The Debian package, for each suite: ``make deb SUITES=…``, as root.

Built inside a clean root of the suite, so that the compiled parts fit its Python and OpenSSL. The
program, its dependencies and the native extra are a virtual environment in /usr/lib/i2ptunnel: on
the user's machine nothing is compiled, fetched or upgraded apart from it.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path

from release.roots import ROOT, SUITES, Root, RootFault, remove, root_with, run

DIST = ROOT / "dist"
FILES = ROOT / ".ci/release/debian_files"
PLACE = "/usr/lib/i2ptunnel"
#: what compiles the native extra; nothing of it is needed later
_BUILD_PACKAGES = ("python3", "python3-venv", "python3-dev", "gcc", "libc6-dev", "libssl-dev")
#: what the wheel and the extra are built from
_SOURCES = (
    *("core", "i2ptunnel", "profiles", "systemd", "docs/man"),
    *("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"),
)
_REVISIONS = {"bookworm": "1+deb12", "trixie": "1+deb13"}
_NOT_NEEDED = ("include", "share", "lib64")
_PROGRAMS = ("i2ptunnel", "python", "python3")
_CHANGES = """\
i2ptunnel ({version}) stable; urgency=medium

  * See changelog.gz.

 -- {maintainer}  {date}
"""
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/i2ptunnel",
    "zsh": "usr/share/zsh/vendor-completions/_i2ptunnel",
    "fish": "usr/share/fish/vendor_completions.d/i2ptunnel.fish",
}
_OLDEST_GLIBC = 17
_MAINTAINER = "I2P appliance maintainers <maintainers@i2ptunnel.invalid>"
_CONTROL = """\
Package: i2ptunnel
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: {depends}
Recommends: systemd-sysv
Section: net
Priority: optional
Homepage: https://geti2p.net/
Description: I2P router with proxies and servers
 An I2P router and I2PTunnel's proxies and servers, declared in one YAML file:
 HTTP and SOCKS proxies for sites in I2P, web sites and other services of your
 own, and doors for programs that speak SAM or I2CP. It runs as a systemd
 service in a sandbox.
 .
 This package brings its Python dependencies and compiled parts along.
"""


def version_of(suite: str) -> str:
    """The package's version: a newer suite's is newer, so that it follows an upgrade of Debian."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return f"{project['version']}-{_REVISIONS[suite]}"


def build(suite: str) -> Path:
    """Build a suite's package; its path in dist/."""
    base = root_with(suite, "build", _BUILD_PACKAGES)
    work = base.copy(base.path.with_name(f"{suite}-work"))
    try:
        _install_program(work)
        tree = work.path / "tree"
        _write_completions(work, tree)
        _lay_out(work, tree)
        _write_control(work, tree, suite)
        DIST.mkdir(exist_ok=True)
        architecture = work.run("dpkg", "--print-architecture").strip()
        package = DIST / f"i2ptunnel_{version_of(suite)}_{architecture}.deb"
        run(["dpkg-deb", "--root-owner-group", "--build", "-Zxz", str(tree), str(package)])
        return package
    finally:
        remove(work.path)


def _install_program(work: Root) -> None:
    """A virtual environment in its place, made without a network of its own."""
    source, wheels = work.path / "source", work.path / "wheels"
    source.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "build", "compiled", "*.egg-info")
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, source)
    _download(work, wheels)
    work.run("python3", "-m", "venv", PLACE)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_NO_CACHE_DIR": "1"}
    python = f"{PLACE}/bin/python3"
    for what in ("/source[geoip,upnp]", "/source/core/native"):
        work.run(python, "-m", "pip", "install", "--quiet", what, environment=offline)
    code = "import i2ptunnel; from core.base import native; print(native.is_compiled)"
    if work.run(python, "-c", code).strip() != "True":
        raise RootFault("the program does not use the native extra that was built for it")
    work.run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools", "pip")


def _download(work: Root, wheels: Path) -> None:
    """Fetch ready wheels for the Python and C library inside, with this machine's pip."""
    version = work.run("python3", "-c", "import sys; print('%d%d' % sys.version_info[:2])").strip()
    machine = run(["uname", "-m"]).strip()
    glibc = int(work.run("getconf", "GNU_LIBC_VERSION").split(".")[1])
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, _OLDEST_GLIBC - 1, -1)]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = tomllib.loads((ROOT / "core/native/pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    wanted = [
        *project["project"]["dependencies"],
        *optional["geoip"],
        *optional["upnp"],
        *project["build-system"]["requires"],
        *extra["build-system"]["requires"],
    ]
    options = ["--only-binary=:all:", f"--python-version={version}", "--implementation=cp"]
    options += [f"--abi={abi}" for abi in (f"cp{version}", "abi3", "none")]
    options += [f"--platform={platform}" for platform in platforms]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels)]
    run([*command, *options, *wanted])


def _write_completions(work: Root, tree: Path) -> None:
    """What completes commands and options in shells, as the program in its place prints it."""
    for shell, target in _COMPLETIONS.items():
        (tree / target).parent.mkdir(parents=True)
        text = work.run(f"{PLACE}/bin/i2ptunnel", "completion", shell)
        (tree / target).write_text(text)


def _lay_out(work: Root, tree: Path) -> None:
    """The files of the package below ``tree``."""
    program = tree / PLACE.lstrip("/")
    program.parent.mkdir(parents=True)
    (work.path / PLACE.lstrip("/")).rename(program)
    for pattern in _NOT_NEEDED:
        for path in program.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for path in (program / "bin").iterdir():
        if path.name not in _PROGRAMS:
            path.unlink()
    for path in program.rglob("*.so"):
        work.run("strip", "--strip-unneeded", f"/{path.relative_to(work.path)}")
    _compile(work, program)
    for source, target in (
        ("docs/man/i2ptunnel.1", "usr/share/man/man1/i2ptunnel.1.gz"),
        ("docs/man/i2ptunnel.yaml.5", "usr/share/man/man5/i2ptunnel.yaml.5.gz"),
        ("CHANGELOG.md", "usr/share/doc/i2ptunnel/changelog.gz"),
    ):
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        (tree / target).write_bytes(gzip.compress((ROOT / source).read_bytes(), 9, mtime=0))
    documents = tree / "usr/share/doc/i2ptunnel"
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        shutil.copy(page, documents)
    (documents / "copyright").write_text(_copyright())
    units = tree / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for unit in sorted((ROOT / "systemd").iterdir()):
        if unit.suffix in (".service", ".socket"):
            shutil.copy(unit, units)
    for kind in ("sysusers", "tmpfiles"):
        (tree / f"usr/lib/{kind}.d").mkdir()
        shutil.copy(ROOT / f"systemd/{kind}.conf", tree / f"usr/lib/{kind}.d/i2ptunnel.conf")
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/i2ptunnel").symlink_to("../lib/i2ptunnel/bin/i2ptunnel")
    (tree / "etc/i2ptunnel").mkdir(parents=True)
    shutil.copy(FILES / "i2ptunnel.yaml", tree / "etc/i2ptunnel")
    overrides = tree / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    shutil.copy(FILES / "lintian-overrides", overrides / "i2ptunnel")
    run(["chmod", "-R", "u=rwX,go=rX", str(tree)])


def _compile(work: Root, program: Path) -> None:
    """Bytecode is part of the package: the service may not write beside the sources."""
    for cache in program.rglob("__pycache__"):
        shutil.rmtree(cache)
    inside = f"/{program.relative_to(work.path)}"
    prefix = ["-s", inside, "-p", PLACE]
    mode = ["--invalidation-mode", "unchecked-hash"]
    work.run("python3", "-m", "compileall", "-q", *mode, *prefix, f"{inside}/lib")


def _copyright() -> str:
    licence = (ROOT / "LICENSE").read_text().partition("\n\n")[2]
    (holder,) = re.findall(r"^Copyright \(c\) (.*)$", licence, re.M)
    text = "\n".join(f" {line or '.'}" for line in licence.strip().splitlines())
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: i2ptunnel\n"
        "Comment: The Python packages in /usr/lib/i2ptunnel/lib have their licences beside them,\n"
        " in their .dist-info directories.\n\n"
        f"Files: *\nCopyright: {holder}\nLicense: MIT\n{text}\n"
    )


def _write_control(work: Root, tree: Path, suite: str) -> None:
    control = tree / "DEBIAN"
    control.mkdir()
    for name in ("postinst", "prerm", "postrm"):
        shutil.copy(FILES / name, control)
        (control / name).chmod(0o755)
    shutil.copy(FILES / "templates", control)
    changes = _CHANGES.format(
        version=version_of(suite), maintainer=_MAINTAINER, date=formatdate(usegmt=False)
    )
    packed = tree / "usr/share/doc/i2ptunnel/changelog.Debian.gz"
    packed.write_bytes(gzip.compress(changes.encode(), 9, mtime=0))
    (control / "conffiles").write_text("/etc/i2ptunnel/i2ptunnel.yaml\n")
    version = work.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    major, minor = version.split(".")
    openssl = work.run("dpkg-query", "--search", "*/libcrypto.so.3").partition(":")[0]
    libc = work.run("dpkg-query", "--showformat=${Version}", "--show", "libc6").partition("-")[0]
    depends = [
        f"python3 (>= {version})",
        f"python3 (<< {major}.{int(minor) + 1})",
        f"libc6 (>= {libc})",
        openssl,
        "ca-certificates",
        "debconf | debconf-2.0",
        "systemd | systemd-standalone-sysusers",
        "systemd | systemd-standalone-tmpfiles",
    ]
    (control / "control").write_text(
        _CONTROL.format(
            version=version_of(suite),
            architecture=work.run("dpkg", "--print-architecture").strip(),
            maintainer=_MAINTAINER,
            size=int(run(["du", "-sk", "--apparent-size", str(tree)]).split()[0]),
            depends=", ".join(depends),
        )
    )
    sums = subprocess.run(
        ["sh", "-c", "find usr -type f -print0 | sort -z | xargs -0 md5sum"],
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    )
    (control / "md5sums").write_text(sums.stdout)


def main(suites: Sequence[str]) -> int:
    """Build the packages of these suites, of all by default."""
    os.umask(0o022)
    for suite in suites or SUITES:
        if suite not in SUITES:
            print(f"no suite {suite}; known: {', '.join(SUITES)}", file=sys.stderr)
            return 2
        try:
            package = build(suite)
        except RootFault as fault:
            print(fault, file=sys.stderr)
            return 1
        print(f"{package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
