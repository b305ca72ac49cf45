"""The command ``isolane``; also ``python -m runner``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return the exit code."""
    from runner.cli.parser import run_command

    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
