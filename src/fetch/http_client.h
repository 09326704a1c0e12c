#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::fetch {

struct HttpOptions {
  std::string ca_file;              ///< PEM; empty: the system's authorities; see require_authority
  std::string cert_file, key_file;  ///< PEM; the client's certificate, when the server asks for one
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{60'000};  ///< of a whole buffered exchange; of standstill when streaming
  std::size_t body_bytes_max = 64u << 20;     ///< of a buffered answer, decoded
  unsigned attempts = 3;                      ///< of a get(), when the peer is away or answers 502, 503 or 504
};

/// Before anything connects: is `ca_file` (may be empty) there, with a certificate in it? Errors: of read_file; invalid
/// "file.folder", "http.tls.authority".
Result<void> require_authority(const std::string& ca_file);

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET", url;
  Headers headers;
  Bytes body;
};

struct Response {
  int status = 0;
  Headers headers;  ///< names in lower case
  Bytes body;       ///< decoded; empty if a sink took it

  bool ok() const { return status >= 200 && status < 300; }
  /// Of the first header of that (lower-case) name; empty if there is none.
  std::string_view header(std::string_view name) const;
};

/// Fills up to `size` bytes, answers how many; 0 ends the body.
using BodySource = std::function<Result<std::size_t>(char* out, std::size_t size)>;
/// Takes a piece of the body of a 2xx answer; other bodies are buffered, for they say what went wrong.
using BodySink = std::function<Result<void>(ByteView piece)>;

/// One connection at a time, kept alive between calls. Not thread-safe: one a thread. http and https only; redirects
/// are not followed; gzip is decoded. An answer of any status is a Response; Errors are for exchanges that failed
/// (http.…, each saying what to do). Over libcurl.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  Result<Response> get(const std::string& url);
  Result<Response> send(const Request& request);
  /// Streams the request's body from `source` (if given; `request.body` is not sent then) and the answer's into `sink`
  /// (if given). An Error of theirs ends the exchange and is answered.
  Result<Response> stream(const Request& request, const BodySource& source, const BodySink& sink);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace holdfast::fetch
