"""`python -m edge`, the same as `till-edge`."""

import sys

from edge.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
