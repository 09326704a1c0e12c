// holdfast backup, restore, repair
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/plain.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/passphrase.h"
#include "cli/workdir/workdir.h"
#include "server/config.h"
#include "storage/disk.h"
#include "storage/rocksdb/store.h"
#include "trustee/whole.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string directory, keys, to;
  bool yes = false;
  ClientOptions client;
};

std::string absolute(const std::string& path) { return std::filesystem::absolute(path).lexically_normal().string(); }

Result<int> backup(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  const json::object places{{"directory", absolute(options.directory)}, {"keys_directory", absolute(options.keys)}};
  HF_CHECK(client.call("POST", "/v1/backup", json::serialize(places), {{"Content-Type", "application/json"}}));
  if (as_json) {
    print_json(places);
    return exit_ok;
  }
  print_line(fmt::format("records in {}, keys in {}, on the server's disk", absolute(options.directory),
                         absolute(options.keys)));
  print_line(
      "Keep them apart, and let backups of keys die soon: an erased subject lives on in one as long as both lie "
      "together. The root key file is in neither.");
  return exit_ok;
}

Result<int> restore(const Options& options, bool as_json) {
  std::error_code unknown;
  std::filesystem::path there = absolute(options.to);
  while (!std::filesystem::exists(there, unknown) && there.has_relative_path()) there = there.parent_path();
  HF_CHECK(require_owner(there, "holdfast restore …"));
  HF_CHECK(storage::restore_rocksdb(absolute(options.directory), absolute(options.keys), absolute(options.to)));
  if (as_json) {
    print_json(json::object{{"restored", absolute(options.to)}});
  } else {
    print_line(
        fmt::format("{}: restored, every block against its checksum. Set it as data: in holdfast.yaml, with the "
                    "root key file of that time.",
                    absolute(options.to)));
  }
  return exit_ok;
}

/// What a start would find of the store, and what it would only find later. Answers the number of entries.
Result<std::uint64_t> examine(const std::string& data, const VerifierKey& log_key, storage::RocksOptions how = {}) {
  HF_CHECK(storage::verify_rocksdb(data, how));
  HF_TRY(const auto store, storage::open_rocksdb(data, how));
  return trustee::examine_whole(*store, log_key);
}

std::string told(const std::vector<storage::Loss>& losses) {
  std::vector<std::string> out;
  for (const storage::Loss& loss : losses) out.push_back(loss.where + ": " + loss.what);
  return fmt::format("{}", fmt::join(out, "; "));
}

/// The one way on without a backup when a write-ahead log or a journal is damaged before its end, or was overwritten.
Result<int> repair(const Options& options, bool as_json) {
  const WorkDir dir(options.client.dir);
  HF_TRY(const server::Config config, server::load_config(dir.config()));
  HF_CHECK(find_store(config));
  HF_CHECK(require_owner(config.data, "holdfast repair …"));
  HF_TRY(const SigningKey key, load_key(config.log_key));
  const VerifierKey& log_key = key.verifier();
  // Looked at, and no more: only damage is a reason to drop anything.
  const auto present = examine(config.data, log_key, {.read_only = true});
  if (present) {
    as_json ? print_json(json::object{{"repaired", nullptr}})
            : print_line(config.data + ": opens, and every block is as it was written; nothing was dropped");
    return exit_ok;
  }
  const std::string where = present.error().where;
  if (!storage::is_mendable(present.error())) {
    if (present.error().slug != "storage.corrupt") return tl::unexpected<Error>(present.error());
    return fail(
        Code::corrupt, "cli.repair.vain", where,
        "this file is damaged, and no repair mends it: repair drops the end of a write-ahead log or journal, and "
        "this is neither. Nothing was dropped; copy the folder away, check the disk, and restore a backup");
  }
  // What would be left, before anything goes: a log that a start refuses all the same is no reason to drop a thing.
  const auto left = examine(config.data, log_key, {.drop_damaged_tail = true, .read_only = true});
  if (!left) {
    return fail(
        Code::corrupt, "cli.repair.vain", where,
        "this is damaged, and without what follows the damage nothing would be served either: " + left.error().text() +
            ". Nothing was dropped; copy the folder away, check the disk, and restore a "
            "backup");
  }
  HF_TRY(const std::vector<storage::Loss> losses, storage::losses_of(config.data));
  const bool of_log = std::ranges::any_of(
      losses, [&](const storage::Loss& loss) { return loss.where.starts_with(config.data + "/log"); });
  const std::string kept = of_log ? counted(*left, "entry", "entries") + " of the evidence"
                                  : "all of the evidence, also that of deposits which it drops";
  if (!options.yes) {
    return fail(
        Code::invalid, "cli.repair.yes", where,
        fmt::format(
            "this is damaged. A repair keeps {}. It drops for good, and deposits that were acknowledged may be "
            "among that: {}. Copy the folder away, prefer 'holdfast restore' with a fresh backup, and give --yes "
            "if there is none",
            kept, told(losses)));
  }
  HF_CHECK(storage::open_rocksdb(config.data, {.drop_damaged_tail = true}));
  HF_TRY(const std::uint64_t entries, examine(config.data, log_key));
  if (as_json) {
    json::array dropped;
    for (const storage::Loss& loss : losses)
      dropped.push_back(json::object{{"where", loss.where}, {"what", loss.what}});
    print_json(json::object{{"repaired", config.data}, {"log_entries", entries}, {"dropped", std::move(dropped)}});
    return exit_ok;
  }
  for (const storage::Loss& loss : losses) print_line(loss.where + ": dropped " + loss.what);
  print_line(fmt::format("{}: opens again; the evidence has {}", config.data, counted(entries, "entry", "entries")));
  print_line(of_log
                 ? "What was written behind the damage is gone. Whoever saw more entries than that finds a rollback, "
                   "rightly: tell the parties. Import again what was deposited since, then redo erasures and "
                   "restrictions."
                 : "What was written behind the damage is gone, and its evidence is there: tell the parties. Import "
                   "again what was deposited since the last backup, then redo erasures.");
  return exit_ok;
}

}  // namespace

void add_backup(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* backing = add_command(program, session, "backup", "Copy everything while the server runs, keys apart",
                                  "  holdfast backup /backup/2026-11-23 --keys /vault/2026-11-23 --as oracle\n"
                                  "  holdfast backup ./b --keys ./k --as oracle --dir /srv/holdfast --json",
                                  [&session, options] { return backup(*options, session.json); });
  backing->add_option("DIR", options->directory, "Where the records go, on the server's machine; made new")->required();
  backing->add_option("--keys", options->keys, "Where the keys go; another disk, if you can")->required();
  add_client_options(*backing, options->client);

  CLI::App* restoring =
      add_command(program, session, "restore", "Make a data directory from a backup; no server runs on it",
                  "  holdfast restore /backup/2026-11-23 --keys /vault/2026-11-23 --to /srv/holdfast/data\n"
                  "  holdfast restore ./b --keys ./k --to ./data-restored --json",
                  [&session, options] { return restore(*options, session.json); });
  restoring->add_option("BACKUP", options->directory, "Folder of the records")->required();
  restoring->add_option("--keys", options->keys, "Folder of the keys")->required();
  restoring->add_option("--to", options->to, "Data directory to make; absent or empty")->required();

  CLI::App* repairing =
      add_command(program, session, "repair",
                  "Go on with what precedes the damage in a store that does not open; the server is stopped",
                  "  holdfast repair --dir /srv/holdfast        # says what would be left, and drops nothing\n"
                  "  runuser -u holdfast -- holdfast repair --dir /var/lib/holdfast --yes --json",
                  [&session, options] { return repair(*options, session.json); });
  repairing->add_option("--dir", options->client.dir, "Working directory (default: $HOLDFAST_DIR, or .)");
  repairing->add_flag("--yes", options->yes, "Yes, drop what was written after the damage");
}

}  // namespace holdfast::cli
