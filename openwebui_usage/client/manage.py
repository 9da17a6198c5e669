"""`python -m openwebui_usage.client.manage create "Your Name" --limit 100.0`: the verbs of `manage.py`."""

from openwebui_usage.client.commands import users

if __name__ == "__main__":
    users(prog_name="manage.py")
