"""Nothing leaves the machine: index, ask and the page run with every address but loopback closed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow

GUARD = """
import sys
LOCAL = ("127.", "::1", "localhost", "0.0.0.0")
def refuse(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    elif event == "socket.sendto" and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and not host.startswith(LOCAL):
        print("REACHED OUT TO", host, file=sys.stderr, flush=True)
        raise OSError(f"no network in this test: {host}")
sys.addaudithook(refuse)
"""

WAY = """
import json, pathlib, urllib.request
import app
from assistant import open_assistant
from assistant.cli import main

folder = pathlib.Path(sys.argv[1])
assert main(["index", str(folder / "papers.jsonl"), "--index", str(folder / "index")]) == 0
for model in ("quotes", "local"):
    answer = open_assistant(index=folder / "index", model=model).ask("What is AdEMAMix and how does it differ from AdamW?")
    assert answer.papers[0].title == "The AdEMAMix Optimizer: Better, Faster, Older", answer
page = app.build_app(open_assistant(index=folder / "index", model="quotes"))
page.launch(prevent_thread_lock=True, quiet=True, server_port=None)
html = urllib.request.urlopen(page.local_url).read().decode()
assert "Paper Assistant" in html
page.close()
print("DONE")
"""


def isolated(command: list[str]) -> list[str]:
    """The command in a network of its own where the system allows that: then not even native code can reach out."""
    own = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up 2>/dev/null || true; exec "$@"', "sh"]
    allowed = shutil.which("unshare") and shutil.which("ip")
    if allowed and subprocess.run([*own, "true"], capture_output=True, check=False).returncode == 0:
        return [*own, *command]
    return command


def test_index_ask_and_page_reach_nothing(tmp_path: Path) -> None:
    lines = (ROOT / "index" / "bundled" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines if "AdEMAMix" in line][:1] + lines[:5]
    (tmp_path / "papers.jsonl").write_text("\n".join(chosen), encoding="utf-8")
    done = subprocess.run(
        isolated([sys.executable, "-c", GUARD + WAY, str(tmp_path)]), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert "REACHED OUT" not in done.stderr
    assert "DONE" in done.stdout, done.stderr[-2000:]


def test_the_guard_works() -> None:
    code = GUARD + "import socket; socket.create_connection(('example.org', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "REACHED OUT TO example.org" in done.stderr
