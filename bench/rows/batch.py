"""A batch of 10,000 people's releases, beside the same reads one by one."""
from ours import READER

NEEDS = ()
SUBJECTS = 10_000


def measure(bench):
    ours = bench.big()
    subjects = [f"p{i}" for i in range(SUBJECTS)]
    path, spread = ours.reads_of(subjects=SUBJECTS)
    batches, singles, together = [], [], []
    for _ in bench.rounds(f"batch of {SUBJECTS:,}, and one by one"):
        batches.append(SUBJECTS / ours.batch(subjects))
        for connections, rates in ((1, singles), (bench.connections, together)):
            rates.append(ours.load(ours.holdfast.url, path, connections, *spread, "--requests", str(SUBJECTS),
                                   profile=READER)["rps"])
    bench.table.row("batch", f"batch disclosure of {SUBJECTS:,} subjects", "subjects/s", batches,
                    "the same reads one by one, one client", singles, reach=5, stretch=10)
    bench.table.row("batch_parallel", "the same batch", "subjects/s", batches,
                    f"the same reads one by one, {bench.connections} connections", together)
