"""The I2P router: everything below the application. Applications use :mod:`core.api`."""
