"""Bytes of one's own choosing over mTLS: for what no HTTP library would send."""
import json
import socket
import ssl
import urllib.parse


class Wire:
    """One connection. Answers come back in order, each a (status, code, body); code is None where there is no problem."""

    def __init__(self, url, context, seconds=10):
        parts = urllib.parse.urlsplit(url)
        plain = socket.create_connection((parts.hostname, parts.port), timeout=seconds)
        self.socket = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Answers whether all went out; the server may have had enough before."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, ssl.SSLError):
            return False

    def more(self):
        try:
            got = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            got = b""
        self.left += got
        return bool(got)

    def answer(self):
        """The next answer; None when the connection has ended instead."""
        while b"\r\n\r\n" not in self.left:
            if not self.more():
                assert self.left == b"", self.left
                return None
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        self.fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        size = 0 if status in (100, 204, 304) else int(self.fields["content-length"])
        while len(self.left) < size:
            assert self.more(), "an answer was cut short"
        body, self.left = self.left[:size], self.left[size:]
        problem = self.fields.get("content-type", "").startswith("application/problem+json")
        return status, json.loads(body)["code"] if problem else None, body

    def answers(self):
        """All that come until the server ends the connection."""
        out = []
        while (one := self.answer()) is not None:
            out.append(one[:2])
        return out
