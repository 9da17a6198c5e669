"""`python -m openwebui_usage.client` starts the server, as `python main.py` did."""

import typer

from openwebui_usage.client.commands.serve import serve


def main() -> None:
    """The entry point for your own `main.py`."""
    typer.run(serve)


if __name__ == "__main__":
    main()
