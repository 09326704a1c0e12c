"""Ten thousand connections that waste the server's time: it keeps within its bounds, and honest callers are served."""
import re
import resource
import socket
import ssl
import threading
import time
import urllib.parse

import pytest
from holdfast import Holdfast, disclose
from raw import Wire

CONNECTIONS = 10_000
ROOM = 9_000         # bounds.connections: less, so that some have to make way
SECURE = 1_500       # of each 10,000, so many do a handshake first; the rest is on the plain evidence port
HANDSHAKE_S = 5      # bounds.handshake-seconds: an honest caller waits no longer than the server waits for a hostile one
HEADER_BYTES = 16 << 10
RECORD_BYTES = 2 * (16 << 10)  # TLS: a record in, a record out
STATE_BYTES = 24 << 10         # OpenSSL's state, the coroutine and the parser of one connection
SOURCES = ("127.0.0.2", "127.0.0.3")  # two, for a port is used once for each address

SLOW = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: "
GREEDY = b"GET /log/checkpoint HTTP/1.1\r\nHost: a\r\n\r\n" * 200


@pytest.fixture
def crowded(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 1000:
        pytest.skip(f"needs {CONNECTIONS + 1000} open files, and this machine lets one process have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (CONNECTIONS + 1000, hard))
    one = Holdfast(tmp_path)
    config = one.dir / "holdfast.yaml"
    config.write_text(config.read_text() + f"""bounds:
  connections: {ROOM}
  header-seconds: 600  # so that only a lack of room ends them, however slow the machine is
  idle-seconds: 600
""")
    one.start()
    yield one
    one.stop()


def resident_bytes(one):
    status = open(f"/proc/{one.process.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


def metric(one, name):
    text = one.client().call("GET", "/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def connect(url, number, context=None):
    parts = urllib.parse.urlsplit(url)
    plain = socket.create_connection((parts.hostname, parts.port), timeout=20, source_address=(SOURCES[number % 2], 0))
    return context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain


def send(one, data):
    try:
        one.send(data)
        return True
    except (ssl.SSLWantWriteError, BlockingIOError):
        return True
    except (OSError, ssl.SSLError):
        return False


def test_a_flood_keeps_nobody_out(crowded):
    app = crowded.client("app-us")
    assert crowded.deposit(app, "f1").status == 201
    before = resident_bytes(crowded)
    context, flood, ended = crowded.context(), [], threading.Event()
    slow = []

    def drip():
        while not ended.wait(1):
            for one in list(slow):
                send(one, b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    served, longest = 0, 0.0

    def honest():
        """A caller of the moment's own, handshake and all."""
        nonlocal served, longest
        start = time.monotonic()
        with Wire(crowded.url, crowded.context("app-us"), seconds=HANDSHAKE_S) as wire:
            wire.send(b"GET /v1/flows/account/subjects/f1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert wire.answer()[0] == 200
        longest = max(longest, time.monotonic() - start)
        served += 1

    try:
        for number in range(CONNECTIONS):
            secure = number * SECURE // CONNECTIONS != (number + 1) * SECURE // CONNECTIONS
            one = connect(crowded.url if secure else crowded.evidence_url, number, context if secure else None)
            one.setblocking(False)
            flood.append(one)
            kind = number % 3  # idle, slow, or one that asks and asks and never reads
            if kind == 1:
                send(one, SLOW)
                slow.append(one)
            elif kind == 2:
                send(one, GREEDY)
            if number % 500 == 499:
                honest()
        for _ in range(20):
            honest()
            assert disclose(app, "account", "f1").status == 200  # and one that was there before
        used = resident_bytes(crowded) - before
        evicted = metric(crowded, "holdfast_connections_evicted")
    finally:
        ended.set()
        dripping.join()
        for one in flood:
            one.close()
    print(f"{served} honest callers, the longest {longest:.2f} s; {used >> 20} MiB more, {evicted:.0f} made way")
    assert longest < HANDSHAKE_S
    assert used < ROOM * (HEADER_BYTES + RECORD_BYTES + STATE_BYTES)
    assert evicted > 0
    assert crowded.verify().returncode == 0
