"""What users install: wheels, Debian packages, one file; built here, and tried where they run."""
