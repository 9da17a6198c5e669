"""`python -m openwebui_usage.client.manage create "Your Name" --limit 100.0`: the verbs of `manage.py`."""

from openwebui_usage.client.commands.users import users


def main() -> None:
    """The entry point for your own `manage.py`."""
    users(prog_name="manage.py")


if __name__ == "__main__":
    main()
