// holdfast backup, restore
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "storage/rocksdb_store.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string directory, keys, to;
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
}

}  // namespace holdfast::cli
