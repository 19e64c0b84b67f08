"""The application: I2PTunnel's proxies and servers, declared in YAML, on top of ``core.api``."""
