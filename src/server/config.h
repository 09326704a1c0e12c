#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "trustee/modules/runs.h"

namespace holdfast::server {

/// An address to listen on. Port 0: any that is free.
struct Endpoint {
  std::string host;  ///< an IPv4 or IPv6 address, or a name
  std::uint16_t port = 0;

  /// "host:port", "[::1]:port". invalid "config.address".
  static Result<Endpoint> parse(std::string_view text);
  bool operator==(const Endpoint&) const = default;
};

/// Bounds on what callers may take up. Everything a caller sends is bounded by one of these.
struct Bounds {
  std::uint32_t connections = 10'000;
  std::uint32_t header_bytes = 16u << 10;
  std::uint32_t body_bytes =
      1u << 20;  ///< of one request; streams (import, batch) are bounded in memory, not in length
  std::chrono::seconds handshake{5};
  std::chrono::seconds header{10};  ///< from a request's first byte to the end of its header
  std::chrono::seconds idle{60};    ///< between requests, for a whole body, and for each 64 KiB of a stream
};

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// A working directory's `holdfast.yaml`.
struct Config {
  std::string origin;        ///< the log's name in its checkpoints: "log.example/evidence"
  std::string trust_domain;  ///< of the SPIFFE URIs in client certificates
  Endpoint listen;
  std::optional<Endpoint> evidence_listen;  ///< the public evidence paths once more, over plain HTTP
  struct Tls {
    std::string certificate, key, client_ca;
  } tls;
  std::string data;       ///< directory of the store
  std::string root_keys;  ///< file
  std::string log_key;    ///< file
  std::string rules;      ///< directory of the rule packs that agreements may adopt
  unsigned threads = 0;   ///< 0: one per core
  Bounds bounds;
  trustee::SealedOptions sealed;  ///< how sealed modules are run; its `pool.program` is left empty
  LogLevel log_level = LogLevel::warn;
};

constexpr std::size_t kConfigBytesMax = 64u << 10;

/// `text` is the content of the file at `path`; paths in it are relative to the file's folder.
/// Takes any bytes. Tells the first thing that is wrong, at "path:line:column": invalid "config.yaml" (not YAML, or
/// YAML that hides something), "config.key.unknown", "config.key.missing", "config.value", "config.address".
Result<Config> parse_config(std::string_view text, std::string_view path);
/// Reads the file; as above, and what read_file says.
Result<Config> load_config(const std::string& path);

}  // namespace holdfast::server
