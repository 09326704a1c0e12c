"""The machine under the measurement: cores, processor time, memory, disk."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import time

SERVER_CORE, LOAD_CORE = 0, 1
SYNC_BYTES = 512


@contextlib.contextmanager
def on_core(core):
    """What starts inside runs on this core only, and so do we."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name, *folders):
    """The path of a program, or None."""
    return shutil.which(name, path=":".join([*folders, os.environ["PATH"], "/usr/sbin"]))


def fdatasync_us(folder, seconds, core):
    """The times of append-and-fdatasync, sorted: what the disk asks of anyone who makes one small thing durable."""
    times, path = [], folder / "fdatasync"
    with on_core(core):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            end = time.perf_counter() + seconds
            while (before := time.perf_counter()) < end:
                os.write(file, bytes(SYNC_BYTES))
                os.fdatasync(file)
                times.append((time.perf_counter() - before) * 1e6)
        finally:
            os.close(file)
            path.unlink()
    return sorted(times)


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(*pids):
    """User and system time so far of processes with all their threads."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    """Resident memory now and at its peak, in MB of 10^6 bytes."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)
           if name in ("VmRSS", "VmHWM")}
    return kib["VmRSS"] * 1.024e-3, kib["VmHWM"] * 1.024e-3


def disk_bytes(folder):
    """What the files of a folder take on the disk, as du counts."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def name():
    """One line about the machine, for whoever reads the figures elsewhere."""
    cpus, memory = (pathlib.Path("/proc", name).read_text() for name in ("cpuinfo", "meminfo"))
    model = re.search(r"^model name\s*: (.*)$", cpus, re.MULTILINE)
    kib = int(re.search(r"^MemTotal:\s*(\d+)", memory)[1])
    load = os.getloadavg()
    return (f"{os.cpu_count()} cores of {model[1] if model else os.uname().machine}, "
            f"{kib / 2**20:.0f} GiB, Linux {os.uname().release}; load average {load[0]:.1f} {load[1]:.1f}")
