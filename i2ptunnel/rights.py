"""What root may do among the files of others: what they could do themselves.

Whoever owns a directory can put a link there, or another directory in its place, at any moment. So
a command of root's acts with the rights of the owner while it reads and writes there: the system
then refuses what a link would lead to, and what is made belongs to whom it should.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.api import FileFault

_LINKS_MAX = 40


def owner_on_the_way(path: Path) -> os.stat_result | None:
    """The first file or directory on the way to ``path`` that is not root's; None: all are.

    It cannot be exchanged by anybody but root: everything above it is root's. What is not there
    yet is nobody's.
    """
    place, links = Path("/"), 0
    rest = list(path.absolute().parts[1:])
    while rest:
        name = rest.pop(0)
        if name == "..":
            place = place.parent
            continue
        try:
            found = (place / name).lstat()
        except OSError:
            return None
        if found.st_uid != 0:
            return found
        if not stat.S_ISLNK(found.st_mode):
            place /= name
            continue
        links += 1
        if links > _LINKS_MAX:
            raise FileFault(path, "links lead in a circle there")
        target = (place / name).readlink()
        if target.is_absolute():
            place = Path("/")
        rest[:0] = [part for part in target.parts if part != "/"]
    return None


@contextmanager
def rights_for(*paths: Path) -> Iterator[None]:
    """As root, act as the owner of these files while it lasts; the first that is not root counts.

    For others than root it does nothing. Raises FileFault. Not for a program with threads.
    """
    owner = None
    if os.geteuid() == 0:
        owner = next(filter(None, map(owner_on_the_way, paths)), None)
    if owner is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups(_groups_of(owner.st_uid, owner.st_gid))
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    except OSError as error:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
        why = error.strerror or error
        raise FileFault(paths[0], f"root cannot act as the owner of this: {why}") from None
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _groups_of(uid: int, gid: int) -> list[int]:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return [gid]
    return os.getgrouplist(user.pw_name, user.pw_gid)
