// holdfast doctor
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/file.h"
#include "base/note.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/passphrase.h"
#include "cli/frame/progress.h"
#include "cli/workdir/certificates.h"
#include "cli/workdir/workdir.h"
#include "sealed/pool.h"
#include "sealed/worker_process.h"
#include "server/config.h"
#include "server/rules_folder.h"
#include "server/tls.h"
#include "storage/rocksdb/store.h"
#include "trustee/whole.h"
#include "vault/root_keys.h"
#include "vault/vault.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr UnixMillis kDayMs = 86'400'000;
constexpr UnixMillis kExpiresSoonMs = 30 * kDayMs;
constexpr std::uint64_t kDiskLowBytes = 2ull << 30, kDiskFullBytes = 200ull << 20;
constexpr std::uint64_t kFilesBeside = 1024;  ///< what the engine opens beside the connections

enum class Grade : std::uint8_t { good, warning, bad };

struct Check {
  std::string name;
  Grade grade = Grade::good;
  std::string found, mend;
};

class Doctor {
 public:
  explicit Doctor(const WorkDir& dir) : dir_(dir) {}

  std::vector<Check> examine() {
    if (examine_config()) {
      examine_keys();
      examine_certificates();
      examine_rules();
      examine_disk();
      examine_limits();
      if (!examine_server()) examine_store();
    }
    examine_clock();
    examine_cores();
    examine_jail();
    return std::move(checks_);
  }

 private:
  void good(std::string name, std::string found) {
    checks_.push_back({std::move(name), Grade::good, std::move(found), ""});
  }
  void warn(std::string name, std::string found, std::string mend) {
    checks_.push_back({std::move(name), Grade::warning, std::move(found), std::move(mend)});
  }
  void bad(std::string name, std::string found, std::string mend) {
    checks_.push_back({std::move(name), Grade::bad, std::move(found), std::move(mend)});
  }

  bool examine_config();
  bool examine_private(const std::string& name, const std::string& path, const std::string& mend);
  void examine_keys();
  void examine_log_key();
  void examine_tls();
  void examine_rules();
  void examine_cores();
  void examine_certificate(const std::string& name, const std::string& path, const std::string& mend);
  void examine_certificates();
  void examine_disk();
  void examine_limits();
  void examine_clock();
  void examine_jail();
  bool examine_server();
  void examine_store();
  std::string mend_of(const Error& of_store) const;

  const WorkDir& dir_;
  server::Config config_;
  std::optional<VerifierKey> log_key_;  ///< once it was read
  std::vector<Check> checks_;
};

bool Doctor::examine_config() {
  auto loaded = server::load_config(dir_.config());
  if (!loaded) {
    std::error_code ignored;
    const std::string_view slug = loaded.error().slug;
    std::string mend = "correct that line";
    if (fs::exists(dir_.path(), ignored) && !fs::is_directory(dir_.path(), ignored)) {
      mend = "name the working directory, which is a folder, with --dir";
    } else if (slug == "file.missing") {
      mend = "run 'holdfast init " + dir_.path() + "', or name the working directory with --dir";
    } else if (loaded.error().code == Code::unavailable) {
      mend = "ask again as the server's user";
    } else if (slug.starts_with("file.")) {
      mend = "put the file back, or name the working directory with --dir";
    }
    bad("configuration", loaded.error().text(), mend);
    return false;
  }
  config_ = std::move(*loaded);
  good("configuration", dir_.config());
  return true;
}

/// Is there a key file that only its owner can read? Answers whether it is worth looking into.
bool Doctor::examine_private(const std::string& name, const std::string& path, const std::string& mend) {
  std::error_code failed;
  if (!fs::exists(path, failed)) {
    failed ? bad(name, path + " cannot be looked at: " + failed.message(), "run as the server's user, or chown it")
           : bad(name, path + " is missing", mend);
  } else if (!require_private(path)) {
    bad(name, path + " can be read or written by others", "chmod 600 " + path);
  } else if (::access(path.c_str(), R_OK) != 0) {
    bad(name, path + " cannot be read", "run as its owner, or chown it");
  } else {
    return true;
  }
  return false;
}

void Doctor::examine_keys() {
  if (examine_private("root keys", config_.root_keys,
                      "put the copy back that you keep apart; without it nothing in data/ can ever be read")) {
    const auto roots = vault::FileRootKeys::load(config_.root_keys);
    roots ? good("root keys", config_.root_keys) : bad("root keys", roots.error().text(), "put a good copy back");
  }
  examine_tls();
  examine_log_key();
}

/// As the server takes them at its start: a key of another certificate is no key.
void Doctor::examine_tls() {
  constexpr const char* kMend = "issue a new certificate, or put the key back";
  if (!examine_private("server key", config_.tls.key, kMend)) return;
  const auto tls = server::make_tls(config_.tls);
  const bool of_key = !tls && tls.error().where == config_.tls.key;
  of_key ? bad("server key", tls.error().text(), kMend) : good("server key", config_.tls.key);
  if (!tls && !of_key) bad("server TLS", tls.error().text(), "put a good file back");
}

void Doctor::examine_log_key() {
  if (!examine_private("log key", config_.log_key, "put the copy back; another key is another log")) return;
  const auto encrypted = SigningKey::is_encrypted(config_.log_key);
  if (encrypted && *encrypted && !std::getenv("HOLDFAST_PASSPHRASE")) {
    return good("log key",
                config_.log_key + ", under a passphrase that was not tried: set HOLDFAST_PASSPHRASE for that");
  }
  const auto key = load_key(config_.log_key);
  if (!key && key.error().slug.starts_with("key.passphrase.")) {
    return bad("log key", key.error().text(), "set HOLDFAST_PASSPHRASE to the key's own");
  }
  if (!key) return bad("log key", key.error().text(), "put a good copy back");
  if (key->verifier().name() != config_.origin) {
    return bad("log key", fmt::format("it is named '{}', not '{}'", key->verifier().name(), config_.origin),
               "set origin: in holdfast.yaml to the key's name");
  }
  log_key_ = key->verifier();
  good("log key", config_.log_key + (encrypted && *encrypted ? ", under a passphrase" : ""));
}

/// The package's own folder may be absent: whoever names one wants what is in it.
void Doctor::examine_rules() {
  std::error_code ignored;
  if (fs::is_directory(config_.rules, ignored) && ::access(config_.rules.c_str(), R_OK | X_OK) == 0) {
    return good("rule packs", config_.rules);
  }
  if (config_.rules == server::kRulesFolder) return;
  bad("rule packs", config_.rules + " is no folder that can be read",
      "set rules: in holdfast.yaml to the folder of the rule packs, or take the line out");
}

void Doctor::examine_certificate(const std::string& name, const std::string& path, const std::string& mend) {
  const auto pem = read_file(path);
  const bool is_readable = pem || pem.error().code != Code::unavailable;
  if (!pem) return bad(name, pem.error().text(), is_readable ? mend : "ask again as the server's user");
  const auto facts = read_certificate(*pem);
  if (!facts) return bad(name, path + ": " + facts.error().what, mend);
  const UnixMillis left = facts->not_after - SystemClock().now();
  const std::string day = to_rfc3339(facts->not_after).substr(0, 10);
  if (left <= 0) return bad(name, fmt::format("{} expired on {}", path, day), mend);
  if (facts->not_before > SystemClock().now()) return bad(name, path + " is not valid yet", "set the clock right");
  if (left < kExpiresSoonMs) return warn(name, fmt::format("{} expires on {}", path, day), mend);
  good(name,
       fmt::format("{}, until {}{}{}", path, day, facts->names.empty() ? "" : ": ", fmt::join(facts->names, ", ")));
}

void Doctor::examine_certificates() {
  examine_certificate("server certificate", config_.tls.certificate,
                      "holdfast key certificate --server, then send the server SIGHUP: it takes it without stopping");
  examine_certificate("client authority", config_.tls.client_ca, "put it back: without it no caller is known");
  std::error_code ignored;
  std::set<std::string> clients;
  if (fs::exists(dir_.authority_key(), ignored) && !require_private(dir_.authority_key())) {
    bad("client authority", dir_.authority_key() + " can be read or written by others",
        "chmod 600 " + dir_.authority_key());
  }
  for (const auto& file : fs::directory_iterator(dir_.path() + "/clients", ignored)) {
    if (file.path().extension() == ".crt") clients.insert(file.path().string());
  }
  for (const std::string& path : clients) {
    const std::string party = fs::path(path).stem().string();
    const std::string key = dir_.client_key(party);
    if (fs::exists(key, ignored) && !require_private(key)) {
      warn("client certificate", key + " can be read or written by others", "chmod 600 " + key);
    }
    examine_certificate(
        "client certificate", path,
        party.starts_with("subject-")
            ? fmt::format("move {} and its key away; who is still to call gets another by holdfast key "
                          "certificate --subject ID",
                          path)
            : fmt::format("move {} and its key away, then: holdfast key certificate --party {}", path, party));
  }
}

void Doctor::examine_disk() {
  if (const auto folder = require_data(config_); !folder) return bad("data", folder.error().text(), "as it says");
  if (::access(config_.data.c_str(), R_OK | W_OK | X_OK) != 0) {
    return bad("data", config_.data + " cannot be written", "run as its owner, or chown it");
  }
  struct stat status {};
  if (::stat(config_.data.c_str(), &status) == 0 && (status.st_mode & 0077) != 0) {
    warn("data", "others may look into " + config_.data, "chmod 700 " + config_.data);
  }
  std::error_code wrong;
  const auto space = fs::space(config_.data, wrong);
  if (wrong) return warn("disk", "its free space cannot be told: " + wrong.message(), "look at it yourself");
  const std::string found = size_text(space.available) + " free";
  if (space.available < kDiskFullBytes)
    return bad("disk", found, "make room: a full disk stops every deposit and release");
  if (space.available < kDiskLowBytes) return warn("disk", found, "make room soon");
  good("disk", found);
}

void Doctor::examine_limits() {
  // Those of the running server, as its unit may have set others than this shell has; 0 is this process.
  const auto ready = read_ready(dir_.ready_file());
  const auto get = [server = ready ? static_cast<pid_t>(ready->pid) : 0](auto what, rlimit& out) {
    if (::prlimit(server, what, nullptr, &out) != 0) ::prlimit(0, what, nullptr, &out);
  };
  rlimit limit{};
  get(RLIMIT_MEMLOCK, limit);
  struct sysinfo machine {};
  if (::sysinfo(&machine) == 0 && machine.totalswap == 0) {
    good("locked memory", "not needed: the machine has no swap");
  } else if (limit.rlim_cur != RLIM_INFINITY) {
    warn("locked memory", size_text(limit.rlim_cur) + " may be locked, so the server's memory could reach swap",
         "LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited; or turn swap off");
  } else {
    good("locked memory", "unlimited");
  }
  get(RLIMIT_CORE, limit);
  good("core files", limit.rlim_cur == 0 ? "off" : "on in this shell; the server turns them off for itself");
  get(RLIMIT_NOFILE, limit);
  const std::uint64_t wanted = config_.bounds.connections + kFilesBeside;
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
    warn("open files", fmt::format("{} for {} connections", limit.rlim_cur, config_.bounds.connections),
         fmt::format("LimitNOFILE={} in the unit, or ulimit -n; or lower bounds: connections", wanted));
  } else {
    good("open files", std::to_string(limit.rlim_cur));
  }
}

/// Workers that cannot have the core that they wish for run anywhere.
void Doctor::examine_cores() {
  cpu_set_t there;
  CPU_ZERO(&there);
  if (::sched_getaffinity(0, sizeof there, &there) != 0) return;
  std::vector<int> missing = config_.sealed.pool.cores;
  std::erase_if(missing, [&there](int core) { return CPU_ISSET(static_cast<unsigned>(core), &there); });
  if (missing.empty()) return;
  warn("sealed cores", fmt::format("not there: {}; workers run on any core instead", fmt::join(missing, ", ")),
       fmt::format("name cores of this machine in sealed: cores, or take it out; it has {} for this process",
                   CPU_COUNT(&there)));
}

/// Which layers of a sealed module's jail this machine gives to whoever runs the doctor.
void Doctor::examine_jail() {
  const auto program = sealed::find_worker_program();
  if (!program) return warn("sealed modules", program.error().text(), "install the whole package");
  const auto layers = sealed::probe_jail(*program);
  if (!layers) return warn("sealed modules", layers.error().text(), "look into the kernel's log");
  const std::uint32_t missing = sealed::ring::kAllLayers & ~*layers;
  if (missing != 0) {
    return warn("sealed modules", "their jail would lack: " + sealed::layer_names(missing),
                "a kernel with unprivileged user namespaces, seccomp and Landlock; docs/sealed-modules.md tells each");
  }
  good("sealed modules", "jailed by " + sealed::layer_names(*layers));
}

void Doctor::examine_clock() {
  constexpr UnixMillis kThisVersionMs = 1'767'225'600'000;  // 2026-01-01: before it no copy of this program ran
  const UnixMillis now = SystemClock().now();
  if (now < kThisVersionMs) {
    return bad("clock", "it says " + to_rfc3339(now), "set it; keep time with chrony or systemd-timesyncd");
  }
  timex state{};
  if (::adjtimex(&state) == TIME_ERROR) {
    return warn("clock", to_rfc3339(now) + ", not synchronised", "keep time with chrony or systemd-timesyncd");
  }
  good("clock", to_rfc3339(now));
}

/// Does it answer?
bool Doctor::examine_server() {
  ClientOptions options;
  options.dir = dir_.path();
  const auto url = find_server(options);
  if (!url) {
    bad("server", url.error().text(),
        url.error().code == Code::unavailable ? "holdfast serve --dir " + dir_.path()
                                              : "correct listen: in holdfast.yaml");
    return false;
  }
  fetch::HttpOptions http;
  std::error_code ignored;
  http.ca_file =
      fs::exists(dir_.authority_certificate(), ignored) ? dir_.authority_certificate() : config_.tls.client_ca;
  http.connect_timeout = std::chrono::seconds(3);
  http.attempts = 1;
  fetch::HttpClient client(std::move(http));
  const auto alive = client.get(*url + "/healthz");
  if (!alive) {
    bad("server", alive.error().text(),
        alive.error().code == Code::unavailable ? "holdfast serve --dir " + dir_.path()
                                                : "give the server a certificate of this directory's authority");
    return false;
  }
  if (!alive->ok()) return bad("server", fmt::format("{} answers {}", *url, alive->status), "read its log"), true;
  good("server", *url);
  const auto ready = client.get(*url + "/readyz");
  if (ready && ready->ok()) return good("agreement", "one is in force"), true;
  const Error why = ready ? error_of(*ready) : ready.error();
  if (why.slug == "agreement.none") {
    warn("agreement", "none is adopted, so every flow is refused",
         "holdfast agreement adopt agreement.signed --as TRUSTEE");
  } else {
    bad("server", "is not ready: " + why.text(), "as it says; its log tells more");
  }
  return true;
}

std::string Doctor::mend_of(const Error& of_store) const {
  if (of_store.slug == "evidence.checkpoint.unsigned") {
    return config_.log_key + " did not sign this log's checkpoints; put its key back: another key is another log";
  }
  if (of_store.slug == "storage.format") return "run the version of holdfast that wrote it, or restore a backup";
  if (of_store.slug == "storage.parts.differ") return "put back the parts that belong together, or restore a backup";
  if (of_store.slug.ends_with(".missing")) return "put the part that is gone back, or restore a backup";
  return "check the disk and restore a backup; 'holdfast repair' says whether there is another way";
}

/// Would a start find records, keys and evidence together? One that serves has found them so.
void Doctor::examine_store() {
  if (!require_data(config_)) return;  // said of the data already
  if (const auto found = find_store(config_); !found) {
    return bad("store", found.error().text(), "as it says; a start is refused for the same reason");
  }
  const auto store = storage::open_rocksdb(config_.data, {.read_only = true});
  if (!store && store.error().slug == "storage.none") return good("store", "none yet");
  if (!store && store.error().slug == "storage.part.missing") {
    return bad("store", store.error().where + " is gone, and what belongs to it is not",
               "put it back, or restore a backup; a start would find that the others are without it");
  }
  if (!store && store.error().slug == "storage.busy") {
    return warn("store", "it cannot be looked into: " + store.error().text(), "stop what has it open, and ask again");
  }
  if (!store && store.error().code == Code::unavailable) {
    return bad("store", "it cannot be looked into: " + store.error().text(),
               "ask again as the server's user; if that is no better, see to the disk");
  }
  const auto whole = !store     ? tl::unexpected<Error>(store.error())
                     : log_key_ ? trustee::examine_whole(**store, *log_key_)
                                : trustee::check_whole(**store).map([] { return std::uint64_t{0}; });
  if (!whole) return bad("store", whole.error().text(), mend_of(whole.error()));
  const auto first_key = (*store)->list(storage::Shelf::keys, std::nullopt, 1);
  if (first_key && first_key->empty()) return good("store", "nothing in it yet");
  // As a start would: with these very keys.
  const auto roots = vault::FileRootKeys::load(config_.root_keys);
  const SystemClock clock;
  const auto vault = roots ? vault::Vault::create(**store, **roots, clock) : tl::unexpected<Error>(roots.error());
  if (!vault) return bad("store", vault.error().text(), "put the root keys back that this data was written under");
  good("store", "records, keys and evidence are there");
}

std::string_view word_of(Grade grade) {
  static constexpr std::string_view kWords[] = {"ok", "warn", "BAD"};
  return kWords[static_cast<std::size_t>(grade)];
}

Result<int> doctor(const std::string& path, bool as_json) {
  const WorkDir dir(path);
  const auto checks = Doctor(dir).examine();
  const bool any_bad = std::any_of(checks.begin(), checks.end(), [](const Check& c) { return c.grade == Grade::bad; });
  json::array list;
  for (const Check& check : checks) {
    if (as_json) {
      json::object one{{"check", check.name}, {"grade", std::string(word_of(check.grade))}, {"found", check.found}};
      if (!check.mend.empty()) one["mend"] = check.mend;
      list.push_back(std::move(one));
      continue;
    }
    print_line(fmt::format("{:5} {:18}  {}", word_of(check.grade), check.name, check.found));
    if (!check.mend.empty()) print_line(fmt::format("{:26}to mend: {}", "", check.mend));
  }
  if (as_json) print_json(json::object{{"ok", !any_bad}, {"checks", std::move(list)}});
  return any_bad ? exit_error : exit_ok;
}

}  // namespace

void add_doctor(CLI::App& program, Session& session) {
  const auto dir = std::make_shared<std::string>();
  CLI::App* command =
      add_command(program, session, "doctor", "Say what is wrong with an installation, and how to mend it",
                  "  holdfast doctor --dir /srv/holdfast\n"
                  "  holdfast doctor --json | jq '.checks[] | select(.grade != \"ok\")'",
                  [&session, dir] { return doctor(*dir, session.json); });
  command->add_option("--dir", *dir, "Working directory (default: $HOLDFAST_DIR, or .)");
}

}  // namespace holdfast::cli
