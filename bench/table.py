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


def reached(judged, reach, stretch, less, noisy):
    """ "stretch", "reach" or "no"; None where nothing is aimed at or the rounds tell of the machine."""
    within = lambda bound: judged <= bound if less else judged >= bound  # noqa: E731
    if reach is None or noisy:
        return None
    return "stretch" if stretch is not None and within(stretch) else "reach" if within(reach) else "no"


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)} if values else None


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
