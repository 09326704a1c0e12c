#pragma once

#include <string>

#include "base/result.h"
#include "server/config.h"

namespace holdfast::cli {

/// Where things lie in a working directory, which `holdfast init` makes and all commands share.
class WorkDir {
 public:
  /// Empty: $HOLDFAST_DIR, or the current directory.
  explicit WorkDir(std::string path = {});

  const std::string& path() const { return path_; }
  std::string config() const { return path_ + "/holdfast.yaml"; }
  std::string authority_certificate() const { return path_ + "/tls/ca.crt"; }
  std::string authority_key() const { return path_ + "/tls/ca.key"; }
  std::string server_certificate() const { return path_ + "/tls/server.crt"; }
  std::string server_key() const { return path_ + "/tls/server.key"; }
  /// `profile`: a party's name, or subject-<id>.
  std::string client_certificate(const std::string& profile) const { return path_ + "/clients/" + profile + ".crt"; }
  std::string client_key(const std::string& profile) const { return path_ + "/clients/" + profile + ".key"; }
  std::string root_keys() const { return path_ + "/keys/root.keys"; }
  std::string log_key() const { return path_ + "/keys/log.key"; }
  std::string log_verifier_key() const { return path_ + "/keys/log.vkey"; }
  std::string data() const { return path_ + "/data"; }
  /// Written by a running server: its URLs, as JSON.
  std::string ready_file() const { return path_ + "/ready.json"; }

 private:
  std::string path_;
};

/// What a running server says about itself.
struct Ready {
  std::string url;           ///< "https://127.0.0.1:8443"
  std::string evidence_url;  ///< "http://127.0.0.1:8480/log"; empty when not served without TLS
  long pid = 0;
};
Result<void> write_ready(const std::string& path, const Ready& ready);
/// not_found when no server is running there.
Result<Ready> read_ready(const std::string& path);

/// Is there a folder at `data:` that this user may look into? Errors: "cli.serve.data" (not_found: none), ".file",
/// ".unreadable".
Result<void> require_data(const server::Config& config);
/// Does a store lie there, as a start would see it? False when it would make a new one. Errors: those of require_data,
/// of its parts and their files too, "file.pipe" for what is none, and corrupt "cli.serve.empty" when the log's key has
/// signed a log already, which is not there.
Result<bool> find_store(const server::Config& config);
/// Says beside a log's key that it has signed a log, so that a store that is not mounted is not taken for a new one.
std::string mark_of(const server::Config& config);
/// Files made by another user, root above all, the server could not open any more: invalid "cli.data.owner". `data` is
/// a store, or the folder that it is to be made in. `command` is what to run as the right one.
Result<void> require_owner(const std::string& data, const std::string& command);

/// "127.0.0.1:8443", "[::1]:8443"; an address that means all of the machine's becomes localhost.
std::string authority_of(const server::Endpoint& endpoint);

/// A party's or authority's certificate file beside its key; the key gets mode 0600. Never overwrites a key:
/// conflict "cli.file.exists".
struct PemPair;
Result<void> write_pair(const std::string& certificate_path, const std::string& key_path, const PemPair& pair);
/// The same over files that are there. Each is replaced whole, so that a crash leaves old or new, and a server that
/// reads between the two keeps what it has, as they do not fit together.
Result<void> replace_pair(const std::string& certificate_path, const std::string& key_path, const PemPair& pair);

}  // namespace holdfast::cli
