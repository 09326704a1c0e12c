#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "server/config.h"
#include "trustee/trustee.h"

namespace holdfast::server {

struct ServerOptions {
  /// SIGTERM and SIGINT stop the server, SIGHUP reloads its certificates.
  bool handle_signals = false;
};

/// The sockets of a trustee: TLS 1.3 with client certificates, HTTP/1.1, a thread per core.
class Server {
 public:
  /// Listens; answers nobody before run. `trustee` must outlive it.
  /// Errors: invalid "tls.…", "config.address"; unavailable "server.listen".
  static Result<std::unique_ptr<Server>> create(Config config, trustee::Trustee& trustee, ServerOptions options = {});
  ~Server();

  /// Serves until stop. On return every request that was begun has been answered, or its caller was not there to
  /// take the answer within ten seconds; no operation is left half-way.
  Result<void> run();
  /// From any thread; not from a signal handler.
  void stop();
  /// Takes certificate, key and client authorities from their files again, for connections from now on. An error
  /// leaves everything as it was. From any thread.
  Result<void> reload();

  struct Ports {
    std::uint16_t main = 0;
    std::optional<std::uint16_t> evidence;
  };
  Ports ports() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::server
