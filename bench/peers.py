"""What Holdfast is compared with: nginx serving a static file, and this disk's own fdatasync."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

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


class Nginx:
    """One worker, TLS 1.3, one static file."""

    def __init__(self, folder, certificate, key, body, core):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            raise SystemExit("bench: nginx is missing: apt-get install nginx-light")
        folder.mkdir()
        (folder / "body").write_bytes(body)
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(self.config(folder, certificate, key))
        with on_core(core), open(folder / "output", "wb") as output:
            self.process = subprocess.Popen([program, "-p", folder, "-c", config, "-e", folder / "error.log"],
                                            stdout=output, stderr=output)
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit(f"bench: nginx did not start; {folder}/output says why")

    def config(self, folder, certificate, key):
        user = "user root;" if os.geteuid() == 0 else ""  # else its worker could not enter the folder
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""daemon off; {user} worker_processes 1; pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; {temporary}
  keepalive_timeout 600; keepalive_requests 1000000000; open_file_cache max=100; default_type application/json;
  server {{
    listen 127.0.0.1:{self.port} ssl; root {folder};
    ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};
  }}
}}
"""

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def worker(self):
        """The process that serves, not the one that looks after it."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


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


def cpu_seconds(pid):
    """User and system time of a process with all its threads so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_bytes(folder):
    """What the files of a folder take on the disk, as du counts."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
