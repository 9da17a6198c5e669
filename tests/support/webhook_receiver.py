"""A receiver of the webhook's posts."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openwebui_usage.webhook import SIGNATURE


class Receiver(ThreadingHTTPServer):
    """Answers with each of `statuses`, then with 204. Keeps what was posted with which signature."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.says = ""
        """The body of an answer that is an error."""
        self.posts: list[tuple[int, bytes, str | None]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.posts.append((status, body, self.headers[SIGNATURE]))
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(status)
                self.end_headers()
                if status >= 300:
                    self.wfile.write(receiver.says.encode())

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def taken(self) -> list[dict[str, object]]:
        return [json.loads(body) for status, body, _ in self.posts if status < 300]

    def close(self) -> None:
        self.shutdown()
        self.server_close()
