"""The rows: what was measured, judged by what is aimed at; printed as a table and written as JSON."""
import json
import statistics

NOISE = 2  # rounds that differ by more than this factor say more about the machine than about the work


class Table:
    def __init__(self):
        self.rows = []

    def row(self, name, work, unit, values, peer=None, peers=None, reach=None, stretch=None, of="ratio", less=False,
            noisy=False, **more):
        """One line. `values` and `peers`: one of each round, neighbours in time. `of`: whether reach and stretch are
        of the ratio to the peer or of the value itself; `less`: whether less is better. `more` goes into the JSON."""
        ratios = [a / b for a, b in zip(values, peers)] if peers else None
        judged = statistics.median(ratios if ratios and of == "ratio" else values)
        noisy = noisy or any(max(of_one) > NOISE * min(of_one) for of_one in (values, peers) if of_one)
        self.rows.append({
            "id": name, "work": work, "value": statistics.median(values), "unit": unit, "peer": peer,
            "peer_value": statistics.median(peers) if peers else None,
            "ratio": statistics.median(ratios) if ratios else None, "reach": reach, "stretch": stretch,
            "reached": reached(judged, reach, stretch, less, noisy), "noisy": noisy,
            "spread": {"value": spread(values), "peer_value": spread(peers), "ratio": spread(ratios)}, **more})

    def print(self):
        lines = [("id", "work", "value", "", "peer", "ratio", "reach", "stretch", "reached")]
        for row in self.rows:
            lines.append((row["id"], row["work"], number(row["value"]), row["unit"], number(row["peer_value"]),
                          number(row["ratio"]), number(row["reach"]), number(row["stretch"]),
                          "noisy" if row["noisy"] and row["reach"] is not None else row["reached"] or ""))
        widths = [max(map(len, column)) for column in zip(*lines)]
        for line in lines:
            print("  ".join(text.ljust(width) if i in (0, 1, 3, 8) else text.rjust(width)
                            for i, (text, width) in enumerate(zip(line, widths))).rstrip())
        print()
        for row in self.rows:
            if row["peer"]:
                print(f"{row['id']}: beside {row['peer']}")

    def write(self, path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=2, ensure_ascii=False) + "\n")

    def write_markdown(self, path):
        """The same for docs/performance.md, with the least and the most of the rounds."""
        aimed = [row for row in self.rows if not row["id"].startswith("growth")]
        grown = [row for row in self.rows if row["id"].startswith("growth")]
        lines = ["| work | Holdfast | beside it | ratio | reach, stretch | reached |", "| --- | --- | --- | --- | --- | --- |"]
        for row in aimed:
            bounds = "–" if row["reach"] is None else f"{number(row['reach'])}, {number(row['stretch'])}"
            found = "noisy" if row["noisy"] and row["reach"] is not None else row["reached"] or "–"
            value, peer, ratio = (with_spread(row, key) for key in ("value", "peer_value", "ratio"))
            lines.append(f"| {row['work']} | {value} {row['unit']} | {peer} | {ratio} | {bounds} | {found} |")
        lines += ["", "| growth | a second | processor time, µs | p50, ms | p99, ms |", "| --- | --- | --- | --- | --- |"]
        for row in grown:
            more = " | ".join(number(row.get(key)) for key in ("cpu_us", "p50_ms", "p99_ms"))
            lines.append(f"| {row['work']} | {with_spread(row, 'value')} | {more} |")
        path.write_text("\n".join(lines) + "\n")


def reached(judged, reach, stretch, less, noisy):
    """ "stretch", "reach" or "no"; None where nothing is aimed at or the rounds tell of the machine."""
    within = lambda bound: judged <= bound if less else judged >= bound  # noqa: E731
    if reach is None or noisy:
        return None
    return "stretch" if stretch is not None and within(stretch) else "reach" if within(reach) else "no"


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)} if values else None


def with_spread(row, key):
    """A figure with least and most of its rounds."""
    all_rounds = row["spread"][key]
    if not all_rounds or all_rounds["min"] == all_rounds["max"]:
        return number(row[key])
    return f"{number(row[key])} [{number(all_rounds['min'])} – {number(all_rounds['max'])}]"


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
