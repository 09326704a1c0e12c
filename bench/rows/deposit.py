"""One record, deposited: decided, encrypted, its entry and itself on the disk before the answer. Beside PostgreSQL,
which encrypts, checks, audits and commits the same fields with a sync."""
NEEDS = ("postgresql-15", "postgresql-15-pgaudit")


def measure(bench):
    ours, postgres, deposits, rows = bench.small(), bench.postgres(), [], []
    ours.deposits(bench.connections, 1)
    postgres.deposit(bench.connections, 1)
    for _ in bench.rounds("durable deposit, PostgreSQL"):
        deposits.append(ours.deposits(bench.connections, bench.seconds))
        rows.append(postgres.deposit(bench.connections, bench.seconds))
    bench.table.row("deposit", f"durable deposit of one record, {bench.connections} connections", "deposits/s",
                    [d["rps"] for d in deposits], "PostgreSQL 15, the same encrypted row inserted or changed",
                    rows, reach=3, stretch=5, p99_ms=max(d["p99_us"] for d in deposits) / 1e3,
                    cpu_us=sorted(d["cpu_us"] for d in deposits)[len(deposits) // 2])
