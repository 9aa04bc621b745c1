"""``python -m codomyrmex_lab.cli``."""

from codomyrmex_lab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
