"""Where `rxtape` and `python -m pipeline` begin: Ctrl-C is quiet from here on, also while the rest is being imported."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from pipeline.cli import main as commands

        commands()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
