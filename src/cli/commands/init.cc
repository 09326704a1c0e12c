// holdfast init
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

#include "base/file.h"
#include "base/note.h"
#include "cli/commands/groups.h"
#include "cli/frame/command.h"
#include "cli/workdir/certificates.h"
#include "cli/workdir/workdir.h"
#include "server/config.h"
#include "vault/root_keys.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr int kAuthorityDays = 3650;
constexpr int kCertificateDays = 365;

struct Options {
  std::string dir;
  std::string trustee = "trustee";
  std::vector<std::string> parties;
  std::string origin;
  std::string trust_domain = "holdfast.example";
  std::vector<std::string> hosts{"localhost", "127.0.0.1"};
  std::string listen = "127.0.0.1:8443";
  std::string evidence_listen = "127.0.0.1:8480";
};

/// Takes back what was made, unless it is kept: a directory that is half there would stand in the way of the
/// corrected command.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    std::error_code ignored;
    // A folder goes only when it is empty: what others put there stays.
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path, ignored);
  }
  void add(fs::path path) { made_.push_back(std::move(path)); }
  void keep() { made_.clear(); }

 private:
  std::vector<fs::path> made_;
};

std::vector<std::string> parties_of(const Options& options) {
  std::vector<std::string> parties{options.trustee};
  parties.insert(parties.end(), options.parties.begin(), options.parties.end());
  return parties;
}

/// Everything that can be told before a file is written; what the configuration takes is its reader's to say.
Result<void> check_options(const Options& options) {
  std::set<std::string> seen;
  for (const std::string& party : parties_of(options)) {
    const std::string where = party == options.trustee ? "--trustee" : "--party";
    if (auto wrong = check_party(party); !wrong) {
      wrong.error().where = where;
      return wrong;
    }
    if (seen.insert(party).second) continue;
    return fail(Code::invalid, "cli.init.twice", party,
                "this party is given twice; the trustee gets a certificate without --party");
  }
  for (const std::string& host : options.hosts) HF_CHECK(check_host(host));
  return check_trust_domain(options.trust_domain);
}

/// The configuration's reader sees the options just as they were given, whatever they mean in YAML.
Result<void> check_configuration(const Options& options, const std::string& text, const std::string& path) {
  HF_TRY(const server::Config config, server::parse_config(text, path));
  if (config.origin == options.origin && config.trust_domain == options.trust_domain) return {};
  return fail(Code::invalid, "cli.init.origin", options.origin,
              "this cannot be written as it stands; take letters, digits, '.', '-' and '/', as in "
              "oracle.example/evidence");
}

/// Names, a line each, what an init is about to make, and is there until that is done but for the configuration. No
/// server starts without that, so nothing of it was ever used.
std::string unfinished_mark(const WorkDir& dir) { return dir.path() + "/.init-unfinished"; }

/// Takes away what an init that was killed in the middle left.
Result<void> clear_unfinished(const WorkDir& dir) {
  std::error_code ignored;
  const auto mark = read_file(unfinished_mark(dir), 1u << 20);
  if (!mark || fs::exists(dir.config(), ignored)) return {};
  std::istringstream lines(*mark);
  for (std::string name; std::getline(lines, name);) {
    const fs::path path = fs::path(dir.path()) / name;
    const bool inside = fs::path(name).is_relative() && name.find("..") == std::string::npos;
    std::error_code failed;
    if (inside && !fs::is_directory(path, ignored)) fs::remove(path, failed);
    if (failed) {
      return fail(Code::unavailable, "cli.init.unfinished", path.string(),
                  "an init that was broken off left this, and it cannot be removed: " + failed.message());
    }
  }
  return {};
}

Result<void> mark_unfinished(const WorkDir& dir, const std::vector<std::string>& files) {
  std::string names;
  for (const std::string& file : files) names += fs::path(file).lexically_relative(dir.path()).string() + "\n";
  return write_file(unfinished_mark(dir), names, 0600);
}

/// None of what is to be written is there. Its folders may be.
Result<void> check_free(const WorkDir& dir, const std::vector<std::string>& files) {
  std::error_code ignored;
  if (fs::exists(dir.config(), ignored)) {
    return fail(Code::conflict, "cli.init.exists", dir.config(),
                "this is a working directory already, and its keys are never overwritten; take another folder");
  }
  for (const std::string& path : files) {
    if (fs::exists(path, ignored)) {
      return fail(Code::conflict, "cli.init.exists", path,
                  "this file is there already, and none is overwritten; take another folder, or move it away");
    }
  }
  return {};
}

/// Every file that is written.
std::vector<std::string> files_of(const WorkDir& dir, const Options& options) {
  std::vector<std::string> out{dir.authority_certificate(),
                               dir.authority_key(),
                               dir.server_certificate(),
                               dir.server_key(),
                               dir.root_keys(),
                               dir.log_key(),
                               dir.log_verifier_key(),
                               dir.config()};
  for (const std::string& party : parties_of(options)) {
    out.push_back(dir.client_certificate(party));
    out.push_back(dir.client_key(party));
  }
  return out;
}

Result<void> make_directories(const WorkDir& dir, Undo& undo) {
  const std::array<std::string, 5> paths{dir.path(), dir.path() + "/tls", dir.path() + "/clients", dir.path() + "/keys",
                                         dir.data()};
  for (const std::string& path : paths) {
    std::error_code wrong;
    std::vector<fs::path> missing;  // the innermost first
    for (fs::path at = path; !at.empty() && !fs::exists(at, wrong); at = at.parent_path()) missing.push_back(at);
    for (auto at = missing.rbegin(); at != missing.rend(); ++at) undo.add(*at);
    fs::create_directories(path, wrong);
    if (!wrong && path != dir.path()) fs::permissions(path, fs::perms::owner_all, wrong);
    if (wrong) return fail(Code::unavailable, "cli.init.directory", path, "cannot be made: " + wrong.message());
  }
  return {};
}

std::string configuration(const Options& options) {
  const std::string evidence = options.evidence_listen == "off"
                                   ? "# evidence-listen: 127.0.0.1:8480\n"
                                   : fmt::format("evidence-listen: \"{}\"\n", options.evidence_listen);
  return fmt::format(
      "# A Holdfast working directory. Paths are relative to this file. 'holdfast doctor' checks it all.\n"
      "origin: {}                # the evidence log's name; its key has the same\n"
      "trust-domain: {}          # of the certificates: spiffe://<this>/party/<name>\n"
      "listen: \"{}\"            # HTTPS, client certificates\n"
      "# The evidence once more over plain HTTP, for anyone: it is signed, and holds no personal data.\n"
      "{}"
      "tls: {{certificate: tls/server.crt, key: tls/server.key, client-ca: tls/ca.crt}}\n"
      "data: data\n"
      "root-keys: keys/root.keys   # without this file nothing in data/ can be read: keep a copy apart from its "
      "backups\n"
      "log-key: keys/log.key\n",
      options.origin, options.trust_domain, options.listen, evidence);
}

Result<void> make_certificates(const WorkDir& dir, const Options& options) {
  HF_TRY(const PemPair authority_pem, Authority::create("Holdfast " + options.trust_domain, kAuthorityDays));
  HF_CHECK(write_pair(dir.authority_certificate(), dir.authority_key(), authority_pem));
  HF_TRY(const Authority authority, Authority::open(authority_pem));
  std::vector<std::string> hosts = options.hosts;
  for (const char* own : {"localhost", "127.0.0.1"}) {  // by which the tools on this machine call
    if (std::find(hosts.begin(), hosts.end(), own) == hosts.end()) hosts.emplace_back(own);
  }
  HF_TRY(const PemPair server, authority.issue({hosts.front(), "", hosts, kCertificateDays}));
  HF_CHECK(write_pair(dir.server_certificate(), dir.server_key(), server));
  for (const std::string& party : parties_of(options)) {
    HF_TRY(const PemPair pair,
           authority.issue({party, spiffe_party(options.trust_domain, party), {}, kCertificateDays}));
    HF_CHECK(write_pair(dir.client_certificate(party), dir.client_key(party), pair));
  }
  return {};
}

Result<int> init(Options options, bool as_json) {
  const WorkDir dir(options.dir);
  HF_CHECK(check_options(options));
  if (options.origin.empty()) options.origin = options.trustee + ".example/evidence";
  HF_TRY(const SigningKey log_key, SigningKey::generate(options.origin));
  const std::string text = configuration(options);
  HF_CHECK(check_configuration(options, text, dir.config()));
  const std::vector<std::string> files = files_of(dir, options);
  HF_CHECK(clear_unfinished(dir));
  HF_CHECK(check_free(dir, files));
  Undo undo;
  HF_CHECK(make_directories(dir, undo));
  undo.add(unfinished_mark(dir));
  for (const std::string& path : files) undo.add(path);
  HF_CHECK(mark_unfinished(dir, files));
  HF_CHECK(make_certificates(dir, options));
  HF_CHECK(vault::FileRootKeys::create(dir.root_keys()));
  HF_CHECK(log_key.save(dir.log_key()));
  HF_CHECK(write_file(dir.log_verifier_key(), log_key.verifier().text() + "\n"));
  std::error_code failed;
  if (!fs::remove(unfinished_mark(dir), failed)) {
    return fail(Code::unavailable, "cli.init.directory", unfinished_mark(dir),
                "cannot be removed: " + failed.message());
  }
  HF_CHECK(write_file(dir.config(), text));  // last: with it the directory is whole
  undo.keep();
  if (as_json) {
    print_json(json::object{{"directory", dir.path()},
                            {"config", dir.config()},
                            {"trustee", options.trustee},
                            {"origin", options.origin},
                            {"log_key", log_key.verifier().text()}});
    return exit_ok;
  }
  print_line(
      fmt::format("{}: ready. The evidence log's public key, for the agreement (log:) and for whoever verifies:\n"
                  "  {}\n\n"
                  "Start it:              holdfast serve --dir {}\n"
                  "Certificate a caller:  holdfast key certificate --dir {} --party NAME\n"
                  "Adopt an agreement:    holdfast agreement adopt agreement.signed --dir {} --as {}",
                  dir.path(), log_key.verifier().text(), dir.path(), dir.path(), dir.path(), options.trustee));
  return exit_ok;
}

}  // namespace

void add_init(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      add_command(program, session, "init", "Make a working directory: configuration, keys, certificates",
                  "  holdfast init /srv/holdfast --trustee oracle\n"
                  "  holdfast init ./hf --trustee oracle --party app-us --party bytedance --listen 0.0.0.0:8443 "
                  "--host hf.example",
                  [&session, options] { return init(*options, session.json); });
  command->add_option("DIR", options->dir, "Folder to make")->required();
  command->add_option("--trustee", options->trustee, "The trustee's name in the agreement")->capture_default_str();
  command->add_option("--party", options->parties, "Make a client certificate for this party too; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--origin", options->origin, "The evidence log's name (default: TRUSTEE.example/evidence)");
  command->add_option("--trust-domain", options->trust_domain, "Of the SPIFFE URIs in certificates")
      ->capture_default_str();
  command->add_option("--host", options->hosts, "Name or address of the server, for its certificate; may be repeated")
      ->allow_extra_args(false)
      ->capture_default_str();
  command->add_option("--listen", options->listen, "Address of the HTTPS server")->capture_default_str();
  command
      ->add_option("--evidence-listen", options->evidence_listen,
                   "Address of the plain HTTP copy of the evidence, or 'off'")
      ->capture_default_str();
}

}  // namespace holdfast::cli
