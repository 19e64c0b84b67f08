"""What pyproject.toml cannot say: where the wheel has the router, the profiles and the pages.

In the source tree the router is the package ``core``. A wheel brings no package of so general a
name: there it lies within the application's package, which finds it (``i2ptunnel/__init__.py``).
"""

import shutil
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROUTER = "core"
#: as in i2ptunnel/__init__.py
PLACE = "i2ptunnel._router"
#: a directory of its own, and a new one: what an older build left there would be in the wheel
BUILD = Path("build/wheel")

own = find_packages(include=["i2ptunnel", "i2ptunnel.*"])
router = find_packages(include=[ROUTER, f"{ROUTER}.*"])
is_editable = "editable_wheel" in sys.argv
if not is_editable:
    shutil.rmtree(BUILD, ignore_errors=True)

setup(
    options={"build": {"build_base": str(BUILD)}},
    packages=own + router
    if is_editable
    else [*own, *(f"{PLACE}.{name}" for name in router), "i2ptunnel.profiles"],
    package_dir={}
    if is_editable
    else {f"{PLACE}.{ROUTER}": ROUTER, "i2ptunnel.profiles": "profiles"},
    data_files=[
        ("share/man/man1", ["docs/man/i2ptunnel.1"]),
        ("share/man/man5", ["docs/man/i2ptunnel.yaml.5"]),
        ("share/i2ptunnel/systemd", sorted(str(path) for path in Path("systemd").iterdir())),
    ],
)
