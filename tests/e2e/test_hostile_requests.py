"""Requests that lie, smuggle, nest and swell. Each is answered with its own status and code and nothing hidden in it is
carried out; the server lives on, serves the next honest caller, and its evidence verifies."""
import gzip
import json
import zlib

import pytest
from raw import Wire

RECORD = b'{"zip":"94105"}'
JSON = b"Content-Type: application/json\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"  # answered with 404 if anybody takes it for a request
LAST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OK = (200, None)
BAD = (400, "request.malformed")


def put(subject=b"h1", fields=b"", body=RECORD, length=None):
    length = len(body) if length is None else length
    return (b"PUT /v1/collections/profile/subjects/%s HTTP/1.1\r\nHost: a\r\n%s%sContent-Length: %s\r\n\r\n%s"
            % (subject, JSON, fields, str(length).encode(), body))


def get(path=b"/healthz", fields=b"", host=b"Host: a\r\n", version=b"HTTP/1.1", method=b"GET"):
    return method + b" " + path + b" " + version + b"\r\n" + host + fields + b"\r\n"


def chunked(body, fields=b"Transfer-Encoding: chunked\r\n", head=JSON):
    return b"PUT /v1/collections/profile/subjects/h2 HTTP/1.1\r\nHost: a\r\n" + head + fields + b"\r\n" + body


@pytest.fixture(scope="module")
def server(shared):
    """The file's server: whatever was sent, at the end it is the same process and its evidence is in order."""
    pid = shared.process.pid
    yield shared
    assert shared.process.poll() is None and shared.process.pid == pid
    verified = shared.verify()
    assert verified.returncode == 0, verified.stdout + verified.stderr


def exchange(server, data, profile="app-us"):
    """All answers to `data`, which the caller ends after."""
    with Wire(server.url, server.context(profile)) as wire:
        wire.send(data)
        answers = wire.answers()
    with Wire(server.url, server.context("app-us")) as honest:  # and the next one is served
        honest.send(LAST)
        assert honest.answer()[:2] == OK
    return answers


CASES = {
    # ---- two lengths, or two readings of one
    "length and chunks": (chunked(b"0\r\n\r\n" + HIDDEN, b"Transfer-Encoding: chunked\r\nContent-Length: 44\r\n"), [BAD]),
    "chunks and length": (chunked(b"0\r\n\r\n" + HIDDEN, b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), [BAD]),
    "two lengths": (put(fields=b"Content-Length: 3\r\n") + HIDDEN, [BAD]),
    "two equal lengths": (put(fields=b"Content-Length: 15\r\n") + HIDDEN, [BAD]),
    "a list of lengths": (put(length="15, 15") + HIDDEN, [BAD]),
    "a negative length": (put(length=-1) + HIDDEN, [BAD]),
    "a signed length": (put(length="+15") + HIDDEN, [BAD]),
    "a hexadecimal length": (put(length="0xf") + HIDDEN, [BAD]),
    "a length with a leading zero": (put(length="015") + HIDDEN, [BAD]),
    "a length beyond 64 bits": (put(length=1 << 64) + HIDDEN, [BAD]),
    "an empty length": (put(length="") + HIDDEN, [BAD]),
    "a huge length": (put(length=(1 << 63) - 1), [(413, "request.body.large")]),
    "a length larger than the bound": (put(length=(1 << 20) + 1), [(413, "request.body.large")]),
    "a length that is too short": (put(length=5) + b"\r\n\r\n", [(400, "record.json"), BAD]),
    "chunks by another name": (chunked(b"0\r\n\r\n" + HIDDEN, b"Transfer-Encoding: xchunked\r\n"), [BAD]),
    "chunks of gzip": (chunked(b"0\r\n\r\n" + HIDDEN, b"Transfer-Encoding: gzip, chunked\r\n"), [BAD]),
    "chunks twice": (chunked(b"0\r\n\r\n" + HIDDEN, 2 * b"Transfer-Encoding: chunked\r\n"), [BAD]),
    "chunks, folded": (chunked(b"0\r\n\r\n" + HIDDEN, b"Transfer-Encoding:\r\n chunked\r\n"), [BAD]),
    "chunks, with a tab before the name": (chunked(b"0\r\n\r\n" + HIDDEN, b"\tTransfer-Encoding: chunked\r\n"), [BAD]),
    "chunks, with a space before the colon": (chunked(b"0\r\n\r\n" + HIDDEN, b"Transfer-Encoding : chunked\r\n"), [BAD]),
    # ---- chunks
    "a chunk with an extension": (chunked(b'f;a="b;\\"c"\r\n' + RECORD + b"\r\n0\r\n\r\n") + LAST, [(201, None), OK]),
    "a chunk whose size lies": (chunked(b"3\r\n" + RECORD + b"\r\n0\r\n\r\n") + HIDDEN, [BAD]),
    "a chunk with a negative size": (chunked(b"-1\r\n" + RECORD + b"\r\n0\r\n\r\n") + HIDDEN, [BAD]),
    "a chunk of 2^64 bytes": (chunked(b"10000000000000000\r\n" + HIDDEN), [BAD]),
    "a chunk size with a prefix": (chunked(b"0xf\r\n" + RECORD + b"\r\n0\r\n\r\n") + HIDDEN, [BAD]),
    "a chunk ended by LF": (chunked(b"f\n" + RECORD + b"\n0\n\n") + HIDDEN, [BAD]),
    "a body in chunks over the bound": (chunked(17 * (b"10000\r\n" + b"x" * 65536 + b"\r\n")),
                                        [(413, "request.body.large")]),
    "a field behind the chunks": (chunked(b"f\r\n" + RECORD + b"\r\n0\r\nIdempotency-Key: a\r\n\r\n") + LAST, [BAD]),
    "a chunk's header without an end": (chunked(b"f;" + 65536 * b"a"), [(431, "request.header.large")]),
    "a trailer without an end": (chunked(b"f\r\n" + RECORD + b"\r\n0\r\nX: " + 65536 * b"a"),
                                 [(431, "request.header.large")]),
    # ---- lines and fields
    "lines ended by LF": (b"GET /healthz HTTP/1.1\nHost: a\n\n" + LAST, [BAD]),
    "a bare CR": (get(fields=b"X: a\rY: b\r\n"), [BAD]),
    "a NUL in a field": (get(fields=b"X: a\0b\r\n"), [BAD]),
    "a folded field": (get(fields=b"X: a\r\n b\r\n"), [BAD]),
    "a name with a space": (get(fields=b"X Y: b\r\n"), [BAD]),
    "no name": (get(fields=b": b\r\n"), [BAD]),
    "no host": (get(host=b""), [BAD]),
    "two hosts": (get(fields=b"Host: b\r\n"), [BAD]),
    "a host with a path": (get(host=b"Host: a/b\r\n"), [BAD]),
    "a host with a user": (get(host=b"Host: b@c\r\n"), [BAD]),
    "a host of two words": (get(host=b"Host: a b\r\n"), [BAD]),
    "two types": (put(fields=b"Content-Type: text/csv\r\n"), [BAD]),
    "two conditions": (put(fields=b'If-Match: "1"\r\nIf-Match: "2"\r\n'), [BAD]),
    "two idempotency keys": (put(fields=b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n"), [BAD]),
    "an idempotency key that is no text": (put(fields=b"Idempotency-Key: \xff\r\n") + LAST,
                                           [(400, "request.idempotency_key"), OK]),
    "an idempotency key that is too long": (put(fields=b"Idempotency-Key: " + b"k" * 256 + b"\r\n") + LAST,
                                            [(400, "request.idempotency_key"), OK]),
    "two authorizations": (get(fields=b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), [BAD]),
    "a giant field": (get(fields=b"X: " + b"x" * 40_000 + b"\r\n"), [(431, "request.header.large")]),
    "a giant target": (get(b"/" + b"x" * 40_000), [(431, "request.header.large")]),
    "thousands of fields": (get(fields=b"".join(b"X%d: y\r\n" % i for i in range(5000))), [(431, "request.header.large")]),
    # ---- methods, versions, targets
    "an unknown method": (get(method=b"BREW") + LAST, [(405, "request.method"), OK]),
    "no method": (b" /healthz HTTP/1.1\r\nHost: a\r\n\r\n", [BAD]),
    "CONNECT": (get(b"example.org:443", method=b"CONNECT") + LAST, [(400, "request.target"), OK]),
    "TRACE": (get(method=b"TRACE") + LAST, [(405, "request.method"), OK]),
    "HTTP/1.0": (get(version=b"HTTP/1.0"), [(505, "request.version")]),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), [(505, "request.version")]),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", [BAD]),
    "HTTP/2 in the clear": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [(505, "request.version")]),
    "an upgrade": (get(fields=b"Upgrade: h2c\r\nConnection: upgrade\r\n") + LAST, [OK, OK]),
    "an unknown expectation": (get(fields=b"Expect: miracles\r\n"), [(417, "request.expect")]),
    "an absolute target": (get(b"https://a/healthz") + LAST, [(400, "request.target"), OK]),
    "a query": (get(b"/healthz?a=b") + LAST, [(400, "request.target"), OK]),
    "dots": (get(b"/log/../v1/status") + LAST, [(404, "request.path"), OK]),
    "encoded dots": (get(b"/log/%2e%2e/%2e%2e/etc/passwd") + LAST, [(404, "request.path"), OK]),
    "a double slash": (get(b"//healthz") + LAST, [(404, "request.path"), OK]),
    "an encoded name": (get(b"/%68ealthz") + LAST, [(404, "request.path"), OK]),
    "an encoded NUL": (get(b"/v1/flows/account/subjects/a%00b") + LAST, [(400, "request.target"), OK]),
    "an overlong slash": (get(b"/v1/flows/account/subjects/a%c0%afb") + LAST, [(400, "request.target"), OK]),
    "an encoded surrogate": (get(b"/v1/flows/account/subjects/%ed%a0%80") + LAST, [(400, "request.target"), OK]),
    "a broken escape": (get(b"/v1/flows/account/subjects/a%zz") + LAST, [(400, "request.target"), OK]),
    "raw bytes that are no text": (get(b"/v1/flows/account/subjects/\xff") + LAST, [(400, "request.target"), OK]),
    "an encoded slash is a part of the name": (get(b"/v1/flows/account/subjects/h%2F..%2Fx") + LAST,
                                               [(404, "vault.subject.unknown"), OK]),
    # ---- bodies
    "a bomb of gzip": (put(fields=b"Content-Encoding: gzip\r\n", body=gzip.compress(b" " * 50_000_000)) + LAST,
                       [(415, "request.media"), OK]),
    "a bomb of deflate": (put(fields=b"Content-Encoding: deflate\r\n", body=zlib.compress(b" " * 9_000_000)) + LAST,
                          [(415, "request.media"), OK]),
    "zstd": (put(fields=b"Content-Encoding: zstd\r\n") + LAST, [(415, "request.media"), OK]),
    "gzip twice": (put(fields=b"Content-Encoding: gzip, gzip\r\n") + LAST, [(415, "request.media"), OK]),
    "UTF-16": (b"PUT /v1/collections/profile/subjects/h1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
               b"Content-Type: application/json; charset=utf-16\r\n\r\n{}" + LAST, [(415, "request.media"), OK]),
    "deep arrays": (put(body=b'{"zip":' + b"[" * 100_000 + b"]" * 100_000 + b"}") + LAST, [(400, "record.json"), OK]),
    "deep objects": (put(body=b'{"zip":' * 90_000 + b"1" + b"}" * 90_000) + LAST, [(400, "record.json"), OK]),
    "a number of 100,000 digits": (put(body=b'{"zip":' + b"9" * 100_000 + b"}") + LAST,
                                   [(400, "disclosure.value.text"), OK]),
    "a number with a giant exponent": (put(body=b'{"zip":1e999999999}') + LAST, [(400, "disclosure.value.text"), OK]),
    "a text of 100,000 characters": (put(body=json.dumps({"zip": "x" * 100_000}).encode()) + LAST,
                                     [(400, "disclosure.value.text"), OK]),
    "text that is no UTF-8": (put(body=b'{"zip":"\xff\xfe"}') + LAST, [(400, "record.json"), OK]),
    "a lone surrogate": (put(body=b'{"zip":"\\ud800"}') + LAST, [(400, "record.json"), OK]),
    "overlong UTF-8": (put(body=b'{"zip":"\xc0\x80"}') + LAST, [(400, "record.json"), OK]),
    "a field twice": (put(body=b'{"zip":"1","zip":"2"}') + LAST, [(400, "record.json"), OK]),
    "100,000 fields": (put(body=json.dumps({f"f{i}": 1 for i in range(60_000)}).encode()) + LAST,
                       [(400, "record.field.unknown"), OK]),
    "something behind the record": (put(body=RECORD + b"{}") + LAST, [(400, "record.json"), OK]),
    "nothing": (put(body=b"") + LAST, [(400, "record.json"), OK]),
}


@pytest.mark.parametrize("name", CASES)
def test_each_has_its_answer(server, name):
    data, expected = CASES[name]
    assert exchange(server, data) == expected
