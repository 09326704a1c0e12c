"""nginx: one worker, TLS 1.3, one static file."""
import contextlib
import os
import socket
import subprocess
import time

from machine import children, cpu_seconds, free_port, on_core, program


class Nginx:
    def __init__(self, folder, certificate, key, body, core):
        folder.mkdir()
        (folder / "body").write_bytes(body)
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(self.config(folder, certificate, key))
        with on_core(core), open(folder / "output", "wb") as output:
            self.process = subprocess.Popen([program("nginx"), "-p", folder, "-c", config, "-e", folder / "error.log"],
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

    def cpu(self):
        return cpu_seconds(*children(self.process.pid))  # those who serve, not the one that looks after them

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
