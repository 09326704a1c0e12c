"""Memory that fails while a connection is taken: the server goes on taking connections, or ends, so that it is started
again. It must not stay up with nobody at its door."""
import errno
import http.client
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import campaign  # noqa: E402
import judge  # noqa: E402

ALLOCATIONS = 12  # of taking a connection, and of what a request needs first


def ask(server):
    """Asks for a checkpoint on a connection of its own; answers the status, or nothing when the connection broke."""
    host, port = urllib.parse.urlsplit(server.evidence_url).netloc.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/log/checkpoint")
        return connection.getresponse().status
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_a_server_that_is_up_takes_connections(tmp_path):
    (tmp_path / "template").mkdir()
    template = judge.installation(tmp_path / "template")
    server, ended, fired = None, 0, 0
    try:
        for number in range(1, ALLOCATIONS + 1):
            if server is None or not server.alive:
                (tmp_path / str(number)).mkdir()
                server = campaign.Server(template, tmp_path / str(number))
                server.start()
            server.control.arm(campaign.MALLOC, number, campaign.FAIL_ONCE, errno.ENOMEM)
            for _ in range(2):
                ask(server)
            fired += server.control[campaign.FIRED] > 0
            server.control.disarm()
            status = ask(server)
            if status is None:
                server.process.wait(10)  # it is on its way out
                ended += 1
            else:
                assert status == 200
    finally:
        if server and server.alive:
            server.kill()
    assert fired > ALLOCATIONS / 2
    print(f"{ended} of {ALLOCATIONS} ended the process")
