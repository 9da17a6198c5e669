"""`python -m openwebui_usage.client` starts the server, as `python main.py` did."""

import typer

from openwebui_usage.client.commands.serve import serve


def main() -> None:
    """For a `main.py` of one's own."""
    typer.run(serve)


if __name__ == "__main__":
    main()
