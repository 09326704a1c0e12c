"""PostgreSQL 15 doing the same: pgcrypto under a key of each subject, row-level security, pgaudit, TLS, synced commits.

What favours it is left so: the key lies beside the data unwrapped, the audit line is written but not synced, autovacuum
and timed checkpoints are off, statements are prepared."""
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

from machine import LOAD_CORE, SERVER_CORE, free_port, on_core, program

BIN = "/usr/lib/postgresql/15/bin"
PGAUDIT = pathlib.Path("/usr/lib/postgresql/15/lib/pgaudit.so")
USER = "postgres"  # that of Debian's package, when we are root: PostgreSQL refuses to run as root

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_min_protocol_version = 'TLSv1.3'
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
fsync = on
synchronous_commit = on
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 1h
autovacuum = off
jit = off
plan_cache_mode = force_generic_plan
max_connections = 100
logging_collector = on
log_directory = 'audit'
log_filename = 'audit.log'
log_line_prefix = '%m %u '
shared_preload_libraries = 'pgaudit'
pgaudit.log = 'read, write'
pgaudit.log_catalog = off
pgaudit.log_parameter = on
"""

SCHEMA = """
CREATE EXTENSION pgcrypto;
CREATE EXTENSION pgaudit;
CREATE TABLE subject_key (subject text PRIMARY KEY, key bytea NOT NULL);
CREATE TABLE profile (subject text PRIMARY KEY, recipients text[] NOT NULL, iv bytea NOT NULL, data bytea NOT NULL);
CREATE TABLE token_key (recipient text PRIMARY KEY, key bytea NOT NULL);
CREATE TABLE views (subject text, event bigint, video text, watched integer, at timestamptz);
ALTER TABLE profile ENABLE ROW LEVEL SECURITY;
CREATE ROLE bytedance LOGIN;
CREATE ROLE "app-us" LOGIN;
CREATE POLICY reading ON profile FOR SELECT USING (current_user = ANY (recipients) OR current_user = 'app-us');
CREATE POLICY adding ON profile FOR INSERT WITH CHECK (current_user = 'app-us');
CREATE POLICY changing ON profile FOR UPDATE USING (current_user = 'app-us');
GRANT SELECT ON profile, subject_key, token_key TO bytedance;
GRANT SELECT, INSERT, UPDATE ON profile TO "app-us";
GRANT SELECT ON subject_key TO "app-us";
INSERT INTO token_key VALUES ('bytedance', gen_random_bytes(32));
"""

# A record is its fields, a tab between them, encrypted whole: decrypted once for a read, and taken apart more cheaply
# than JSON would be. "OFFSET 0" keeps the planner from decrypting once for each field.
PEOPLE = """
INSERT INTO subject_key SELECT 'p' || i, gen_random_bytes(32) FROM generate_series(0, {last}) i;
INSERT INTO profile
  SELECT subject, '{{bytedance}}', iv, encrypt_iv(convert_to(concat_ws(E'\\t', 'Zoë ' || i || ' 東',
      'person' || i || '@example.org', 10000 + 37 * i % 89999, '1990-04-01', 'en'), 'utf8'), key, iv, 'aes')
  FROM (SELECT i, subject, key, gen_random_bytes(16) AS iv
        FROM generate_series(0, {last}) i JOIN subject_key ON subject = 'p' || i) all_of_them;
ANALYZE;
CHECKPOINT;
"""

READ = r"""\set i random(0, {last})
SELECT encode(hmac(convert_to(split_part(d, E'\t', 2), 'utf8'), key, 'sha256'), 'hex') AS email,
    left(split_part(d, E'\t', 4), 4) AS birthdate, left(split_part(d, E'\t', 3), 3) AS zip,
    split_part(d, E'\t', 5) AS language
FROM token_key, (SELECT convert_from(decrypt_iv(data, subject_key.key, iv, 'aes'), 'utf8') AS d
                 FROM profile JOIN subject_key USING (subject) WHERE subject = 'p' || :i OFFSET 0) AS opened
WHERE recipient = current_user;
"""

DEPOSIT = r"""\set i random(0, {last})
\set n random(1, 1000000000)
INSERT INTO profile
  SELECT subject, '{{bytedance}}', iv, encrypt_iv(convert_to(concat_ws(E'\t', 'Zoë 東',
      'person' || :n || '@example.org', '94105', '1990-04-01', 'en'), 'utf8'), key, iv, 'aes')
  FROM (SELECT subject, key, gen_random_bytes(16) AS iv FROM subject_key WHERE subject = 'p' || :i) one
  ON CONFLICT (subject) DO UPDATE SET data = excluded.data, iv = excluded.iv;
"""


def missing():
    """The Debian packages that have to be installed, or nothing."""
    wanted = {"postgresql-15": program("postgres", BIN) and program("pgbench", BIN),
              "postgresql-15-pgaudit": PGAUDIT.exists()}
    return [package for package, there in wanted.items() if not there]


class Postgres:
    def __init__(self, folder, certificate, key, subjects):
        self.user = USER if os.geteuid() == 0 else None
        self.last = subjects - 1
        self.folder = self.home(folder)
        self.data, self.port = self.folder / "data", free_port()
        self.command("initdb", "--pgdata", self.data, "--username", "postgres", "--auth", "reject", "--encoding",
                     "UTF8", "--locale", "C.UTF-8")
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            shutil.copy(source, self.data / name)
            os.chmod(self.data / name, 0o600)
            self.give(self.data / name)
        with open(self.data / "postgresql.conf", "a") as config:
            config.write(SETTINGS + f"port = {self.port}\n")
        (self.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
        with on_core(SERVER_CORE), open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen([*self.as_user(), f"{BIN}/postgres", "-D", self.data], stdout=output,
                                            stderr=output, cwd=self.folder)
        self.wait()
        self.psql("CREATE DATABASE bench")
        self.psql(SCHEMA, database="bench")
        self.psql(PEOPLE.format(last=self.last), database="bench")

    def home(self, folder):
        """A folder of its own that its user can enter: ours, or else one on the same disk."""
        folder.mkdir()
        if self.user is None:
            return folder
        if subprocess.run([*self.as_user(), "test", "-x", folder], check=False).returncode != 0:
            folder.rmdir()
            folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir="/var/tmp"))
        os.chmod(folder, 0o700)
        self.give(folder)
        return folder

    def give(self, path):
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)

    def as_user(self):
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []

    def environment(self):
        return {**os.environ, "HOME": str(self.folder)}  # where libpq looks for certificates, and may look

    def command(self, name, *arguments, check=True, **options):
        done = subprocess.run([*self.as_user(), f"{BIN}/{name}", *arguments], capture_output=True, text=True,
                              cwd=self.folder, env=self.environment(), **options)
        if check and done.returncode != 0:
            raise SystemExit(f"bench: {name} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def connection(self, database, user):
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user} sslmode=require"

    def psql(self, script, database="postgres", user="postgres", check=True):
        return self.command("psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--tuples-only",
                            self.connection(database, user), input=script, check=check)

    def wait(self):
        for _ in range(500):
            if self.process.poll() is None and self.psql("SELECT 1", check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.process.kill()
        raise SystemExit(f"bench: PostgreSQL did not start; {self.folder}/output says why")

    def run(self, script, user, connections, seconds):
        """One run of pgbench: transactions a second, leaving out the time to connect and a first second in which
        each connection's process still fills its caches."""
        path = self.folder / "script.sql"
        path.write_text(script.format(last=self.last))
        self.give(path)
        for time_s in (2 + max(1, round(seconds)), 15, 60):
            rate = self.run_for(time_s, path, user, connections)
            if rate:
                return rate
        raise SystemExit("bench: pgbench's time was over before it had connected: the machine is too busy")

    def run_for(self, time_s, path, user, connections):
        """The same; None when connecting took all the time, as it may where many want the core."""
        lines = self.audit_lines()
        with on_core(LOAD_CORE):
            done = self.command("pgbench", "--no-vacuum", "--client", str(connections), "--jobs", "1", "--protocol",
                                "prepared", "--time", str(time_s), "--progress", "1", "--file", path,
                                self.connection("bench", user))
        count = int(re.search(r"actually processed: (\d+)", done.stdout)[1])
        failed = re.search(r"failed transactions: (\d+)", done.stdout)
        rates = [float(rate) for rate in re.findall(r"^progress: .*?([\d.]+) tps", done.stderr, re.MULTILINE)][1:]
        if failed and int(failed[1]):
            raise SystemExit(f"bench: pgbench had failures: {done.stdout}{done.stderr[-2000:]}")
        if not rates and count:  # connecting took all but the last second: what pgbench itself gives, without that
            rates = [float(re.search(r"tps = ([\d.]+)", done.stdout)[1])]
        self.check_audit(lines + count)
        return sum(rates) / len(rates) if rates else None

    def check_audit(self, lines):
        """Every statement has its line, once the collector has written what it was handed."""
        for _ in range(50):
            if self.audit_lines() >= lines:
                return
            time.sleep(0.1)
        raise SystemExit("bench: PostgreSQL ran more statements than pgaudit wrote lines")

    def read(self, connections, seconds):
        return self.run(READ, "bytedance", connections, seconds)

    def deposit(self, connections, seconds):
        return self.run(DEPOSIT, "app-us", connections, seconds)

    def copy(self, path, rows):
        """Rows a second of psql's \\copy of a CSV file into a table without an index, committed."""
        self.psql("TRUNCATE views; CHECKPOINT", database="bench")
        start = time.perf_counter()
        with on_core(LOAD_CORE), open(path, "rb") as file:
            self.command("psql", "--quiet", "--no-psqlrc", "--command", "COPY views FROM STDIN WITH (FORMAT csv, HEADER)",
                         self.connection("bench", "postgres"), stdin=file)
        took = time.perf_counter() - start
        count = int(self.psql("SELECT count(*) FROM views", database="bench").stdout)
        if count != rows:
            raise SystemExit(f"bench: COPY took {count} rows of {rows}")
        return rows / took

    def audit_lines(self):
        log = self.data / "audit" / "audit.log"
        done = subprocess.run(["grep", "-c", "AUDIT: ", log], capture_output=True, text=True)
        return int(done.stdout or 0)

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # the fast shutdown
        self.process.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)
