"""The I2P router: everything below the application. Applications use :mod:`core.api`."""

# First of all: it decides where the other modules are found.
import core.base.native  # noqa: F401
