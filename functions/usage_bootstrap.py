"""
title: Usage bootstrap
author: openwebui-usage
description: Brings openwebui-usage into an Open WebUI where there is no shell: installs the wheel named under requirements, and mounts it.
version: 0.1.0
license: MIT
required_open_webui_version: 0.10.0
requirements: /app/backend/data/openwebui_usage-0.1.0-py3-none-any.whl
"""

# Put the wheel's address behind `requirements`: a path that the server can read (above: Docker's data volume), or a URL.
# Where the package came by pip, this function is not needed, and does nothing.

import importlib
import logging
import site
import sys

log = logging.getLogger("openwebui_usage")


class Event:
    async def event(self, event, __app__, __id__):
        importlib.invalidate_caches()  # The package may have been installed while this process ran.
        if site.ENABLE_USER_SITE and site.getusersitepackages() not in sys.path:
            sys.path.append(site.getusersitepackages())  # The same of the folder that pip put it into.
        try:
            from openwebui_usage.host import bootstrap as late
        except ImportError as error:
            log.warning("openwebui-usage is not installed (yet): %s", error)
            return
        await late.on_event(__app__, event, __id__)
