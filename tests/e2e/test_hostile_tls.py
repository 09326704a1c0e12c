"""Callers who are not who they should be, or whose TLS is odd: no request of theirs is served, and the next honest one is."""
import socket
import ssl
import struct
import time
import urllib.parse

import pytest
from holdfast import run
from raw import Wire

READ = b"GET /v1/flows/account/subjects/t1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def server(shared):
    assert shared.deposit(shared.client("app-us"), "t1").status == 201
    yield shared
    assert shared.process.poll() is None
    assert shared.verify().returncode == 0


@pytest.fixture(autouse=True)
def the_honest_are_served(server):
    yield
    with Wire(server.url, server.context("app-us")) as wire:
        wire.send(READ)
        assert wire.answer()[0] == 200


def address(server):
    parts = urllib.parse.urlsplit(server.url)
    return parts.hostname, parts.port


def handshake_fails(server, context):
    """In TLS 1.3 the client hears of it with its first read."""
    try:
        with Wire(server.url, context) as wire:
            wire.send(READ)
            return wire.answer() is None
    except (ssl.SSLError, ConnectionError):
        return True


def half_close(wire):
    """FIN and no close_notify; SSLSocket's own shutdown would forget the keys."""
    socket.socket.shutdown(wire.socket, socket.SHUT_WR)


def with_certificate(server, base):
    context = ssl.create_default_context(cafile=str(server.dir / "tls/ca.crt"))
    context.load_cert_chain(f"{base}.crt", f"{base}.key")
    return context


def test_without_a_certificate_only_what_is_public_is_served(server):
    with Wire(server.url, server.context()) as wire:
        wire.send(HEALTH)
        assert wire.answer()[0] == 200
    for request in (READ, READ.replace(b"GET", b"POST"), READ.replace(b"/flows/account/subjects/t1", b"/status")):
        with Wire(server.url, server.context()) as wire:
            wire.send(request)
            status, code, _ = wire.answer()
            assert (status, code) in ((401, "caller.certificate.missing"), (405, "request.method"))
    with Wire(server.url, server.context()) as wire:  # nor does a bearer or a header make one
        wire.send(READ.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer app-us\r\nX-Client-Cert: app-us\r\n\r\n"))
        assert wire.answer()[:2] == (401, "caller.certificate.missing")


def test_a_certificate_of_another_authority(server, tmp_path):
    other = tmp_path / "other"
    run("init", other, "--trustee", "oracle", "--party", "app-us", "--listen", "127.0.0.1:0",
        "--trust-domain", "holdfast.example")
    context = ssl.create_default_context(cafile=str(server.dir / "tls/ca.crt"))
    context.load_cert_chain(str(other / "clients/app-us.crt"), str(other / "clients/app-us.key"))
    assert handshake_fails(server, context)


def issue(server, tmp_path, name, san, days):
    """By the server's own authority, but as it would not issue it."""
    import subprocess
    base, tls = tmp_path / name, server.dir / "tls"
    quiet = {"check": True, "capture_output": True}
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    f"{base}.key", "-out", f"{base}.csr", "-subj", "/CN=x"], **quiet)
    (tmp_path / "extensions").write_text(f"subjectAltName={san}\n" if san else "basicConstraints=CA:FALSE\n")
    subprocess.run(["openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", str(tls / "ca.crt"), "-CAkey",
                    str(tls / "ca.key"), "-CAcreateserial", "-CAserial", str(tmp_path / "serial"), "-out", f"{base}.crt",
                    "-days", str(days), "-extfile", str(tmp_path / "extensions")], **quiet)
    return with_certificate(server, base)


def test_a_certificate_that_has_expired(server, tmp_path):
    assert handshake_fails(server, issue(server, tmp_path, "late", "URI:spiffe://holdfast.example/party/app-us", -1))


@pytest.mark.parametrize("san", [
    "", "DNS:app-us", "URI:https://holdfast.example/party/app-us", "URI:spiffe://elsewhere.example/party/app-us",
    "URI:spiffe://holdfast.example/party/app-us,URI:spiffe://holdfast.example/party/bytedance",
    "URI:spiffe://holdfast.example/party/", "URI:spiffe://holdfast.example/party/app-us/more",
    "URI:spiffe://holdfast.example/party/app%2", "URI:spiffe://holdfast.example.evil/party/app-us",
    "URI:SPIFFE://holdfast.example/party/app-us"])
def test_a_certificate_that_names_nobody_here(server, tmp_path, san):
    with Wire(server.url, issue(server, tmp_path, "odd", san, 2)) as wire:
        wire.send(READ)
        assert wire.answer()[:2] == (401, "caller.unknown")


def test_a_party_of_the_authority_that_the_agreement_does_not_know(server, tmp_path):
    context = issue(server, tmp_path, "stranger", "URI:spiffe://holdfast.example/party/stranger", 2)
    with Wire(server.url, context) as wire:
        wire.send(READ)
        assert wire.answer()[:2] == (403, "caller.party")


def test_tls_before_1_3(server):
    context = server.context("app-us")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake_fails(server, context)


def ended(plain):
    """Does the server end it, saying nothing but a TLS alert?"""
    plain.settimeout(10)
    got = b""
    try:
        while piece := plain.recv(4096):
            got += piece
    except ConnectionError:
        pass
    return len(got) == 0 or got[:1] == b"\x15"


@pytest.mark.parametrize("data", [
    READ,                                                        # HTTP in the clear
    b"\x16\x03\x01\x00\x05hello",                                # a handshake record of nonsense
    b"\x16\x03\x01\xff\xff" + b"\x01\x00\xff\xfb" + b"x" * 70000,  # longer than a record may be
    b"\x17\x03\x03\x00\x10" + b"y" * 16,                         # data before any handshake
    b"\x15\x03\x03\x00\x02\x02\x28",                             # an alert first
    b"\x80\x2e\x01\x03\x01" + b"\0" * 41,                        # SSLv2's hello
    b"\x14\x03\x03\x00\x01\x01" * 2000,                          # change_cipher_spec without end
], ids=["plaintext", "nonsense", "oversized", "early data", "alert", "sslv2", "ccs"])
def test_bytes_that_are_no_handshake(server, data):
    with socket.create_connection(address(server)) as plain:
        try:
            plain.sendall(data)
        except ConnectionError:
            pass
        assert ended(plain)


def bio_client(context, server):
    """A handshake whose records are in our hands."""
    plain = socket.create_connection(address(server), timeout=10)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=address(server)[0])
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))
    plain.sendall(outgoing.read())
    return plain, tls, outgoing


def test_a_record_that_was_changed_or_cut(server):
    for change in (lambda r: r[:-1] + bytes([r[-1] ^ 1]), lambda r: r[:3] + struct.pack(">H", len(r) - 4) + r[5:] + b"z"):
        plain, tls, outgoing = bio_client(server.context("app-us"), server)
        tls.write(READ)
        plain.sendall(change(outgoing.read()))
        plain.settimeout(10)
        got = b""
        try:
            while piece := plain.recv(65536):
                got += piece
        except ConnectionError:
            pass
        assert b"94105" not in got and len(got) < 2048  # tickets and an alert, no answer
        plain.close()
    plain, tls, outgoing = bio_client(server.context("app-us"), server)
    tls.write(READ)
    plain.sendall(outgoing.read()[:-5])
    plain.shutdown(socket.SHUT_WR)  # the rest never comes
    assert plain.recv(65536) is not None
    plain.close()


def test_the_end_of_a_callers_stream_before_its_request_is_whole(server):
    for cut in (10, len(READ) - 2):
        with Wire(server.url, server.context("app-us")) as wire:
            wire.send(READ[:cut])
            half_close(wire)
            assert wire.answer() is None
    body = b"PUT /v1/collections/profile/subjects/t2 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" \
           b"Content-Length: 100\r\n\r\n{\"zip\":\"1\"}"
    with Wire(server.url, server.context("app-us")) as wire:
        wire.send(body)
        half_close(wire)
        assert wire.answer() is None
    assert server.client("app-us").call("GET", "/v1/flows/account/subjects/t2").status == 404


def test_a_half_closed_caller_hears_its_answer(server):
    """It has asked and says no more: the answer still comes."""
    with Wire(server.url, server.context("app-us")) as wire:
        wire.send(READ)
        half_close(wire)
        status, _, body = wire.answer()
        assert status == 200 and b"94105" in body


def test_a_handshake_that_does_not_go_on_is_ended(server):
    with socket.create_connection(address(server)) as plain:
        plain.sendall(b"\x16\x03\x01")
        start = time.monotonic()
        assert ended(plain)
        assert time.monotonic() - start < 9  # handshake-seconds: 5


def test_requests_before_the_answers_to_the_last(server):
    """Pipelined: answered each, in order, and nothing behind `close`."""
    one = b"GET /v1/flows/account/subjects/t1 HTTP/1.1\r\nHost: a\r\n\r\n"
    lost = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
    with Wire(server.url, server.context("app-us")) as wire:
        wire.send((one + lost) * 100 + HEALTH + one)
        assert wire.answers() == [(200, None), (404, "request.path")] * 100 + [(200, None)]
