// holdfast serve
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/secret.h"
#include "cli/commands/allocator.h"
#include "cli/commands/groups.h"
#include "cli/frame/command.h"
#include "cli/frame/passphrase.h"
#include "cli/workdir/workdir.h"
#include "sealed/pool.h"
#include "sealed/worker_process.h"
#include "server/rules_folder.h"
#include "server/server.h"
#include "storage/rocksdb/store.h"
#include "trustee/trustee.h"
#include "vault/root_keys.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kBinaryBytesMax = 1u << 30;

struct Options {
  std::string dir, config, ready_file;
};

/// So that the evidence says which program served.
Result<Hash> own_digest() {
  HF_TRY(const std::string bytes, read_file("/proc/self/exe", kBinaryBytesMax));
  return sha256(bytes);
}

/// One that a person named may come out of a pipe.
Result<server::Config> load_config(const Options& options, const WorkDir& dir) {
  if (options.config.empty()) return server::load_config(dir.config());
  HF_TRY(const std::string text, read_input(options.config, server::kConfigBytesMax));
  return server::parse_config(text, options.config);
}

Result<SigningKey> load_log_key(const server::Config& config) {
  HF_TRY(SigningKey key, load_key(config.log_key));
  if (key.verifier().name() != config.origin) {
    return fail(Code::invalid, "cli.serve.origin", config.log_key,
                fmt::format("this key is named '{}', but the configuration's origin is '{}'; a log's key bears its "
                            "origin's name",
                            key.verifier().name(), config.origin));
  }
  return key;
}

void mark_used(const server::Config& config, trustee::Trustee& trustee) {
  std::error_code unknown;
  if (trustee.log().size() == 0 || std::filesystem::exists(mark_of(config), unknown)) return;
  // One that cannot be written is missed when the store is, and no reason not to serve.
  static_cast<void>(
      write_file(mark_of(config), "This key has signed a log; holdfast serve begins no other with it.\n"));
}

/// Told before the store is opened, not when all else is up. A pipe or a device is left to the write itself.
Result<void> require_ready_place(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_other(fs::status(path, ignored))) return {};
  const std::string beside = path + ".try";
  const Result<void> tried = fs::is_directory(path, ignored)
                                 ? fail(Code::invalid, "cli.serve.ready", path, "it is a folder")
                                 : write_file(beside, "");
  fs::remove(beside, ignored);
  if (tried) return {};
  return fail(Code::invalid, "cli.serve.ready", path,
              "the server could not say here that it is ready (" + tried.error().what +
                  "); name a file in a folder that its user may write to with --ready-file");
}

/// It replaces nothing but what a server wrote there before, and takes no name of what the directory keeps, for at the
/// end it is removed.
Result<void> require_ready_free(const std::string& path, const WorkDir& dir, const server::Config& config) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_other(fs::status(path, ignored))) return {};
  const auto ready = read_ready(path);
  const fs::path place = fs::weakly_canonical(path, ignored);
  const auto holds = [&](const std::string& kept) {
    const fs::path known =
        fs::weakly_canonical(kept, ignored);  // empty where this user may not look: find_store says so
    return !known.empty() && std::ranges::mismatch(known, place).in1 == known.end();
  };
  const std::string kept[] = {dir.config(),    dir.path() + "/tls",      dir.path() + "/clients", dir.path() + "/keys",
                              mark_of(config), config.data + "/records", config.data + "/keys",   config.data + "/log"};
  if ((ready || ready.error().code == Code::not_found) && std::ranges::none_of(kept, holds)) return {};
  return fail(Code::invalid, "cli.serve.ready", path,
              "it would be replaced and, at the end, removed, and this is no file that 'holdfast serve' wrote, or lies "
              "where the directory keeps its own; name another with --ready-file");
}

/// A root key file of another store is the configuration's fault, which no other start mends.
Result<std::unique_ptr<trustee::Trustee>> open_trustee(const server::Config& config, storage::Store& store,
                                                       vault::RootKeys& roots, SigningKey log_key, const Clock& clock,
                                                       const trustee::TrusteeOptions& options) {
  auto out = trustee::Trustee::open(store, roots, std::move(log_key), clock, options);
  if (!out && out.error().slug == "vault.root_key.missing") {
    Error error = std::move(out).error();
    error.code = Code::invalid;
    error.where = config.root_keys;
    return tl::unexpected(std::move(error));
  }
  return out;
}

Ready ready_of(const server::Config& config, const server::Server& server) {
  const auto ports = server.ports();
  Ready ready;
  ready.pid = ::getpid();
  ready.url = "https://" + authority_of({config.listen.host, ports.main});
  if (config.evidence_listen && ports.evidence) {
    ready.evidence_url = fmt::format("http://{}/log", authority_of({config.evidence_listen->host, *ports.evidence}));
  }
  return ready;
}

void announce(const Ready& ready, bool has_agreement, bool as_json) {
  if (as_json) {
    print_json(boost::json::object{
        {"url", ready.url}, {"evidence_url", ready.evidence_url}, {"pid", ready.pid}, {"agreement", has_agreement}});
  } else {
    print_line(fmt::format("serving {} (process {})", ready.url, ready.pid));
    if (!ready.evidence_url.empty()) print_line("evidence, for anyone: " + ready.evidence_url);
    if (!has_agreement)
      print_line("no agreement is adopted yet, so every flow is refused; next: holdfast agreement adopt");
  }
  std::fflush(stdout);
}

/// How sealed modules are run; says at the start what would only be found when somebody asks for a run.
std::optional<trustee::SealedOptions> sealed_options(const server::Config& config, bool as_json) {
  const auto warn = [as_json](const Error& error) { as_json ? print_error(error, true) : print_warning(error.text()); };
  auto program = sealed::find_worker_program();
  if (!program) return warn(program.error()), std::nullopt;
  trustee::SealedOptions out = config.sealed;
  out.pool.program = *std::move(program);
  const auto layers = sealed::probe_jail(out.pool.program);
  if (!layers) {
    warn(layers.error());
  } else if (const std::uint32_t missing = out.pool.required_layers & ~*layers; missing != 0) {
    warn({Code::refused, "sealed.jail.weak", "",
          "no sealed module will run: this machine does not give " + sealed::layer_names(missing) +
              ", which 'sealed: jail' of the configuration requires"});
  }
  return out;
}

Result<int> serve(const Options& options, bool as_json) {
  use_huge_pages();
  if (const auto hardened = harden_process(); !hardened) {
    as_json ? print_error(hardened.error(), true) : print_warning(hardened.error().text());
  }
  const WorkDir dir(options.dir);
  HF_TRY(const server::Config config, load_config(options, dir));
  const std::string ready_file = options.ready_file.empty() ? dir.ready_file() : options.ready_file;
  HF_CHECK(require_ready_place(ready_file));
  HF_CHECK(require_output(ready_file));
  HF_CHECK(require_ready_free(ready_file, dir, config));
  bound_arenas(config.threads);
  HF_TRY(SigningKey log_key, load_log_key(config));
  HF_TRY(const auto roots, vault::FileRootKeys::load(config.root_keys));
  HF_CHECK(find_store(config));
  HF_CHECK(require_owner(config.data, "holdfast serve …"));
  HF_TRY(const auto store, storage::open_rocksdb(config.data));
  const SystemClock clock;
  trustee::TrusteeOptions trustee_options;
  trustee_options.software = "holdfast " HOLDFAST_VERSION;
  trustee_options.packs = server::packs_in(config.rules);
  trustee_options.sealed = sealed_options(config, as_json);
  HF_TRY(trustee_options.binary, own_digest());
  HF_TRY(const auto trustee, open_trustee(config, *store, *roots, std::move(log_key), clock, trustee_options));
  server::ServerOptions server_options;
  server_options.handle_signals = true;
  HF_TRY(const auto server, server::Server::create(config, *trustee, server_options));

  mark_used(config, *trustee);
  const Ready ready = ready_of(config, *server);
  announce(ready, trustee->has_agreement(), as_json);
  HF_CHECK(write_ready(ready_file, ready));  // to a pipe, once somebody reads it
  const auto served = server->run();
  mark_used(config, *trustee);
  std::error_code ignored;
  const bool is_ours = std::filesystem::is_regular_file(std::filesystem::symlink_status(ready_file, ignored));
  if (is_ours) std::filesystem::remove(ready_file, ignored);  // not a device or a pipe, which was written to as it is
  HF_CHECK(served);
  return exit_ok;
}

}  // namespace

void add_serve(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = add_command(program, session, "serve",
                                  "Run the trustee's server: SIGTERM stops it, SIGHUP reloads its certificates",
                                  "  holdfast serve --dir /srv/holdfast\n"
                                  "  holdfast serve --config /etc/holdfast.yaml --ready-file /run/holdfast/ready.json",
                                  [&session, options] { return serve(*options, session.json); });
  command->add_option("--dir", options->dir, "Working directory (default: $HOLDFAST_DIR, or .)");
  command->add_option("--config", options->config, "Configuration (default: holdfast.yaml of the directory)");
  command->add_option("--ready-file", options->ready_file,
                      "Written once connections are taken, removed at the end (default: ready.json of the directory)");
}

}  // namespace holdfast::cli
