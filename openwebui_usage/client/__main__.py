"""`python -m openwebui_usage.client` starts the server, as `python main.py` did."""

import typer

from openwebui_usage.client.commands import serve

if __name__ == "__main__":
    typer.run(serve)
