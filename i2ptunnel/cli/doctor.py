"""``doctor``: looks for what keeps the program from working well, and says what helps."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.base.errors import I2PError
from i2ptunnel.cli.colours import FAINT, GREEN, RED, YELLOW, paint
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.places import configuration_of, control_socket
from i2ptunnel.cli.sources import add_source_options
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.control import ControlFault, NotRunning, ask, lock_owner
from i2ptunnel.printable import printable

_WIDTH = 14
_PLAN_TIMEOUT_S = 30.0


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel doctor``, which changes nothing; the program may run or not."""
    parser.description = _doctor.__doc__
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    """Look at the program, its files and this machine: what does not work, why, and what helps.

    Exit status 0 if nothing keeps it from working, 1 if something does, 3 if it is the
    configuration.
    """
    # Imported late: what other commands do not need.
    from i2ptunnel.doctor.examination import examine
    from i2ptunnel.doctor.findings import Level

    loaded, status, plan, silent = None, None, None, None
    is_valid = True
    try:
        loaded = configuration_of(arguments)
    except ConfigError as error:
        is_valid = False
        complain(str(error))
    except CommandFault as fault:
        if fault.status == Exit.USAGE:
            raise
        complain(str(fault))
    if loaded is not None or arguments.data_dir is not None:
        path = control_socket(arguments)
        try:
            status, plan = _ask(path)
        except (ControlFault, I2PError) as error:
            complain(str(error))
            silent = lock_owner(path.parent)
    findings = list(examine(loaded, status, plan, silent))
    if arguments.json:
        report = {
            "running": status is not None or silent is not None,
            "configuration_valid": is_valid,
            "findings": [asdict(finding) for finding in findings],
        }
        print(json.dumps(report, indent=2))
    else:
        colours = {
            Level.OK: GREEN,
            Level.NOTE: FAINT,
            Level.UNKNOWN: FAINT,
            Level.WARNING: YELLOW,
            Level.PROBLEM: RED,
        }
        for finding in findings:
            word = paint(f"{finding.level:8}", colours[finding.level], sys.stdout)
            print(f"{word} {finding.subject:{_WIDTH}} {printable(finding.text)}")
            if finding.remedy and finding.level not in (Level.OK, Level.UNKNOWN):
                print(f"{'':8} {'':{_WIDTH}} → {printable(finding.remedy)}")
    if not is_valid:
        return Exit.INVALID
    is_bad = any(finding.level is Level.PROBLEM for finding in findings)
    return Exit.FAILED if is_bad else Exit.OK


def _ask(path: Path) -> tuple[dict[str, Any] | None, dict[str, Any] | str | None]:
    """What the running program says, and what a reload would change; None: it does not run.

    Raises ControlFault if it runs and does not answer.
    """
    try:
        status: dict[str, Any] = ask(path, "status")
    except NotRunning:
        return None, None
    try:
        plan: dict[str, Any] = ask(path, "plan", timeout_s=_PLAN_TIMEOUT_S)
        return status, plan
    except I2PError as error:
        return status, str(error)
