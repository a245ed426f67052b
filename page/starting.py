"""An answer for browsers that come before Gradio is loaded, which takes some seconds."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Paper Assistant</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;color-scheme:light dark}
</style>
<script>setInterval(() => fetch('/').then(r => r.ok && location.reload()).catch(() => {}), 500)</script>
<noscript><meta http-equiv="refresh" content="2"></noscript>
<main><h1>Paper Assistant</h1><p>Starting; this page opens by itself.</p></main></html>"""


@contextmanager
def say_starting(host: str, port: int) -> Iterator[None]:
    """Answer on an address that the page is "starting" (503), until the block is left and the page can have it."""
    try:
        server = ThreadingHTTPServer((host, port), _Starting)
    except OSError:  # taken, or not to be had so; the page itself says it better
        yield
        return
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Starting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Say that it is starting."""
        self.send_response(503)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(_PAGE)))
        self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        """Nothing: the terminal is for the page's address."""
