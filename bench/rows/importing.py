"""Views of a CSV file, by the command that anyone would use, encrypted under each subject's key and durable. Beside
psql's COPY of the same file in plaintext into a table without an index."""
from ours import write_views

NEEDS = ("postgresql-15", "postgresql-15-pgaudit")
ROWS = 200_000


def measure(bench):
    ours, postgres, ours_rate, copy_rate = bench.small(), bench.postgres(), [], []
    path = bench.folder / "views.csv"
    for each in bench.rounds(f"import of {ROWS:,} views, COPY"):
        write_views(path, each * ROWS, ROWS, ours.subjects)
        ours_rate.append(ROWS / ours.take("views", path))
        copy_rate.append(postgres.copy(path, ROWS))
    path.unlink()
    bench.table.row("import", f"import of views, {ROWS:,} rows of {ours.subjects:,} people", "rows/s", ours_rate,
                    "PostgreSQL COPY of the same file in plaintext", copy_rate, reach=0.5, stretch=1.0)
