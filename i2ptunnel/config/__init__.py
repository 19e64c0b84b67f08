"""The YAML configuration: typed models, a strict loader with file:line:column faults, a schema."""
