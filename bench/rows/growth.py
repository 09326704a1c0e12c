"""How the governed read grows: with subjects, records of each, fields of the flow, connections. Nothing is aimed at."""
import json
import os
import resource

NEEDS = ()
SUBJECTS = (1_000, 10_000, 100_000) + ((1_000_000,) if os.environ.get("FULL") == "1" else ())
RECORDS = (1, 10, 100, 1000)
FIELDS = (1, 4, 16, 64)
CONNECTIONS = (1, 32, 1000)
WITH_RECORDS = 100  # people who have views
ROUNDS_MAX = 3


def measure(bench):
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    for part in (connections, fields, records, subjects):
        part(bench)


def row(bench, name, work, read):
    """One figure of the median of a few rounds."""
    read(1)
    reports = [read(bench.seconds / 2) for _ in bench.rounds(work, most=ROUNDS_MAX)]
    middle = lambda key: sorted(report[key] for report in reports)[len(reports) // 2]  # noqa: E731
    bench.table.row(f"growth_{name}", work, "requests/s", [report["rps"] for report in reports],
                    cpu_us=middle("cpu_us"), p50_ms=middle("p50_us") / 1e3, p99_ms=middle("p99_us") / 1e3,
                    body_bytes=middle("body_bytes"))


def plural(count, thing):
    return f"{count:,} {thing}" + ("s" if count != 1 else "")


def connections(bench):
    ours = bench.small()
    for count in CONNECTIONS:
        row(bench, f"connections_{count}", f"governed read, {plural(count, 'connection')}",
            lambda s, n=count: ours.reads(n, s))


def fields(bench):
    """Flows that give 1, 4, … of a profile's fields, in turn as they are, by prefix and as a token."""
    most = max(FIELDS)
    forms = ("clear", "first 3", "token", "clear")

    def widened(text):
        extra = "".join(f"      x{i}: {{type: text, category: user.demographic.language}}\n" for i in range(most))
        flows = "".join(f"  wide-{count}:\n    to: app-us\n    use: essential.service\n    gives: {{profile: {{"
                        + ", ".join(f"x{i}: {forms[i % 4]}" for i in range(count)) + "}}\n" for count in FIELDS)
        mark = "      language: {type: text, category: user.demographic.language}\n"
        return text.replace(mark, mark + extra).replace("flows:\n", "flows:\n" + flows)

    ours = bench.another("fields", 0, edit=widened)
    try:
        ours.import_people(0, 1000, more=lambda i: {f"x{k}": f"value {k} of {i}" for k in range(most)})
        for count in FIELDS:
            row(bench, f"fields_{count}", f"governed read of {count} of {most} fields",
                lambda s, n=count: ours.reads(bench.connections, s, flow=f"wide-{n}", reader="app-us"))
    finally:
        ours.stop()


def records(bench):
    ours = bench.another("records", WITH_RECORDS)
    try:
        had = 0
        for count in RECORDS:
            path = bench.folder / "records.ndjson"
            path.write_text("".join(
                json.dumps({"subject": f"p{i}", "event": str(k), "video": f"v{k % 5000}", "watched": f"{k % 300}s",
                            "at": f"2026-10-{1 + k % 28:02}T12:00:00Z"}) + "\n"
                for i in range(WITH_RECORDS) for k in range(had, count)))
            ours.take("views", path)
            had = count
            row(bench, f"records_{count}", f"governed read of {plural(count, 'record')} of one person",
                lambda s: ours.reads(bench.connections, s, flow="history", reader="app-us"))
    finally:
        ours.stop()


def subjects(bench):
    ours = bench.another("subjects", 0)
    try:
        for count in SUBJECTS:
            ours.import_people(ours.subjects, count)
            row(bench, f"subjects_{count}", f"governed read, {count:,} people",
                lambda s: ours.reads(bench.connections, s))
    finally:
        ours.stop()
