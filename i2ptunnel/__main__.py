"""``python -m i2ptunnel``."""

import sys

from i2ptunnel.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
