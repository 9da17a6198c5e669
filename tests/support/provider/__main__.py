"""`python -m tests.support.provider PORT`"""

from __future__ import annotations

import sys

import uvicorn

from tests.support.provider.app import StandIn

if __name__ == "__main__":
    # "critical": a connection cut on purpose is no news.
    # Idle connections last longer than Open WebUI's 15 seconds: closed by us, one may be asked in that very moment.
    uvicorn.run(
        StandIn().app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="critical",
        backlog=4096,
        timeout_keep_alive=60,
    )
