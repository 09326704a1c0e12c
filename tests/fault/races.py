#!/usr/bin/env python3
"""The campaign's load without a fault, against a server built with the thread sanitizer: races.py [SECONDS]

TSAN_OPTIONS says what is left out and how the server ends when it found a race; `make tsan` sets both.
"""
import pathlib
import sys
import tempfile
import time

import judge
from upkeep import Upkeep

LOADS = 6


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory(prefix="holdfast-races-") as folder:
        one, memory = judge.installation(pathlib.Path(folder)), judge.Memory()
        one.start()
        work = [judge.Load(one, memory, "races", number) for number in range(LOADS)] + [Upkeep(one, memory, "races")]
        for thread in work:
            thread.start()
        time.sleep(seconds)
        for thread in work:
            thread.stop.set()
        for thread in work:
            thread.join()
        judge.judge(one, memory)
        ended = one.stop()
        said = (one.folder / "server.log").read_text(errors="replace")
    if "ThreadSanitizer" in said or ended != 0:
        print(said[-6000:])
    print(f"{memory.asked} requests, {len(memory.releases)} releases, the server ended with {ended}; "
          f"findings: {memory.findings or 'none'}")
    return 1 if ended != 0 or memory.findings else 0


if __name__ == "__main__":
    sys.exit(main())
