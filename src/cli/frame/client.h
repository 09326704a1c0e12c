#pragma once

#include <CLI/App.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fetch/http_client.h"

namespace holdfast::cli {

/// How a command finds the server and says who it is. Either a profile of a working directory (`--as app-us`), or
/// every file by itself.
struct ClientOptions {
  std::string dir;     ///< working directory; empty: $HOLDFAST_DIR or "."
  std::string as;      ///< profile in it: clients/<as>.crt and .key
  std::string server;  ///< URL; empty: $HOLDFAST_SERVER, the running server of the directory, its configuration
  std::string cert, key, ca;
};
/// --dir, --as, --server, --cert, --key, --ca.
void add_client_options(CLI::App& command, ClientOptions& options);

/// One caller's connection to a server, over TLS with a client certificate. Not thread-safe.
class Client {
 public:
  /// Errors: invalid "cli.client.…", each with what to give; those of require_authority.
  static Result<Client> create(const ClientOptions& options);

  /// One exchange; `path` is encoded already. An answer that is no 2xx becomes an Error with the server's own code.
  Result<fetch::Response> call(const std::string& method, const std::string& path, std::string body = {},
                               fetch::Headers headers = {});
  /// The same, the request's body coming from `source` as it is wanted.
  Result<fetch::Response> upload(const std::string& method, const std::string& path, const fetch::BodySource& source,
                                 fetch::Headers headers);
  /// The same, the 2xx answer's body going to `sink` as it comes.
  Result<fetch::Response> stream(const std::string& method, const std::string& path, std::string body,
                                 fetch::Headers headers, const fetch::BodySink& sink);
  const std::string& server() const { return server_; }

 private:
  Client(fetch::HttpClient http, std::string server) : http_(std::move(http)), server_(std::move(server)) {}
  fetch::HttpClient http_;
  std::string server_;
};

/// The server's URL by the options, without a slash at its end.
Result<std::string> find_server(const ClientOptions& options);

/// What a problem document (RFC 9457) says, as an Error; of any other failing answer, what its status says.
Error error_of(const fetch::Response& response);

/// Keeps a slug that came from a server for the rest of the process, as Error borrows it.
std::string_view keep_slug(std::string_view slug);

}  // namespace holdfast::cli
