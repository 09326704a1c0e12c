"""One profile, governed: mTLS, plan, decryption, forms, evidence on the disk before the answer. Beside nginx, which
sends a file as long as that answer's body, and PostgreSQL, which decrypts, forms and audits the same fields."""
from ours import READER
from peers.nginx import Nginx

NEEDS = ("nginx-light", "postgresql-15", "postgresql-15-pgaudit")


def measure(bench):
    ours = bench.small()
    body = ours.body()
    tls = ours.holdfast.dir / "tls"
    postgres = bench.postgres()
    nginx = Nginx(bench.folder / "nginx", tls / "server.crt", tls / "server.key", body, bench.server_core)
    reads, files, queries = [], [], []
    try:
        ours.reads(bench.connections, 1)  # the first round is no colder than the others
        postgres.read(bench.connections, 1)
        for _ in bench.rounds("governed read, nginx, PostgreSQL"):
            reads.append(ours.reads(bench.connections, bench.seconds))
            files.append(ours.load(nginx.url, "/body", bench.connections, "--seconds", str(bench.seconds), cpu=nginx.cpu))
            queries.append(postgres.read(bench.connections, bench.seconds))
    finally:
        nginx.stop()
    of = lambda reports, key, by=1: [report[key] / by for report in reports]  # noqa: E731
    row, peer = bench.table.row, f"nginx, a static file of the same {len(body)} bytes"
    row("read_rps", f"governed read by {READER}, {bench.connections} connections, one core", "requests/s",
        of(reads, "rps"), peer, of(files, "rps"), reach=0.7, stretch=1.0)
    row("read_p99", "its p99", "ms", of(reads, "p99_us", 1e3), "the same nginx", of(files, "p99_us", 1e3), reach=5,
        stretch=2, of="value", less=True)
    row("read_postgres", "the same read", "requests/s", of(reads, "rps"),
        "PostgreSQL 15 with pgcrypto, row-level security and pgaudit", queries, reach=2, stretch=3)
    row("read_cpu", "processor time of the server for one", "µs", of(reads, "cpu_us"), "the same nginx",
        of(files, "cpu_us"), less=True)
