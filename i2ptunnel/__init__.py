"""The application: I2PTunnel's proxies and servers, declared in YAML, on top of ``core.api``."""

#: as in pyproject.toml
__version__ = "0.1.0"
