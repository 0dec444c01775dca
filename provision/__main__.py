"""`python -m provision`, the same as `till-provision`."""

import sys

from provision.command import main

if __name__ == "__main__":
    sys.exit(main())
