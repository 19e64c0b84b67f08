"""Builds the native extra: twins on libcrypto, and the hot rooms compiled from their own source.

The compiled modules keep their names (``core.tunnel.dispatch``); :mod:`core.base.native` finds them
under ``i2ptunnel_native/compiled`` and uses them only while the sources are the ones compiled here.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from mypyc.build import mypycify
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Modules with the pure form of an accelerated class stay as they are: its twin takes its place.
COMPILED = {
    "base": "bbr bounded congestion filters pacer rates reassembly rtt timers",
    "client": (
        "frequent_destinations multiplexer outlet payloads remote remotes sending session spread"
    ),
    "data": "payload",
    "garlic": (
        "beginnings cloves new_sessions one_shot opened padding remote remotes session"
        " sessions tagset"
    ),
    "i2np": "message",
    "io": "datagrams tcp udp udp_socket wakeup",
    "router": "clock engine inbox pending_sends sessions",
    "streaming": (
        "ack_requests admission budgets choke closed_streams connection demux"
        " early_packets manager options outgoing packet receive_buffer receiver"
        " recovery send_buffer sender syn table timers withheld_acks"
    ),
    "transport": (
        "bandwidth dialer events links outbound outqueue records session_handler spares table"
    ),
    "transport/ntcp2": "blocks connection endpoint outbox padding session",
    "transport/ssu2": (
        "acks closing connection deadlines endpoint fragments outgoing output path_mtu"
        " recovery retransmission sender session session_traversal"
    ),
    "tunnel": "delivery dispatch fragments manager meter participant pool tunnels",
}
TWINS = ("openssl", "sorter", "hop_cipher", "tunnel", "link", "ratchet", "datagram")


def compiled_sources() -> list[str]:
    """Paths from the root, sorted."""
    return sorted(
        f"core/{room}/{name}.py" for room, names in COMPILED.items() for name in names.split()
    )


def write_manifest(sources: list[str]) -> None:
    """Module name and SHA-256 of each source, for core.base.native."""
    lines = [
        f"{source[:-3].replace('/', '.')} {sha256((ROOT / source).read_bytes()).hexdigest()}"
        for source in sources
    ]
    folder = HERE / "i2ptunnel_native" / "compiled"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "MANIFEST").write_text("\n".join(lines) + "\n")


def compiled_extensions(sources: list[str]) -> list[Extension]:
    """The hot rooms, compiled by mypyc into one group; built from the root of the tree."""
    back = Path.cwd()
    os.chdir(ROOT)
    try:
        extensions = mypycify(
            ["--config-file=", "--ignore-missing-imports", *sources],
            opt_level="3",
            multi_file=True,
            group_name="i2ptunnel_hot",
            target_dir=str(HERE / "build" / "mypyc"),
        )
    finally:
        os.chdir(back)
    for extension in extensions:
        extension.name = f"i2ptunnel_native.compiled.{extension.name}"
    return extensions


def twin_extensions() -> list[Extension]:
    """The twins, compiled by Cython and linked with libcrypto."""
    twins = [
        Extension(
            f"i2ptunnel_native.{name}", [f"i2ptunnel_native/{name}.pyx"], libraries=["crypto"]
        )
        for name in TWINS
    ]
    made: list[Extension] = cythonize(twins, build_dir="build/cython")
    return made


class ParallelBuild(build_ext):
    """Compiles the files of an extension side by side: mypyc makes one extension of all modules."""

    def build_extensions(self) -> None:
        """As the base class does, with another way to compile."""
        compiler: Any = self.compiler

        def compile_all(sources: list[str], *args: Any, **options: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                made = pool.map(lambda source: compile_one([source], *args, **options), sources)
                return [path for paths in made for path in paths]

        compile_one = compiler.compile
        compiler.compile = compile_all
        super().build_extensions()


os.chdir(HERE)
sources = compiled_sources()
write_manifest(sources)
setup(
    packages=["i2ptunnel_native"],
    package_data={"i2ptunnel_native": ["compiled/MANIFEST"]},
    cmdclass={"build_ext": ParallelBuild},
    ext_modules=[*twin_extensions(), *compiled_extensions(sources)],
)
