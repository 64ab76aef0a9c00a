"""What the bundle's console executable runs: the program, as `python -m app` does."""

import sys

from app.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
