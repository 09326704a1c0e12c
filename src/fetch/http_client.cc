#include "fetch/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "base/file.h"

namespace holdfast::fetch {
namespace {

constexpr std::size_t kHeaderBytesMax = 64u << 10;
constexpr const char* kNoAuthority =
    "holds no certificate of an authority that can be read; it is to be PEM, as tls/ca.crt of the server's directory";

/// What curl's callbacks work on during one exchange.
struct Exchange {
  const BodySource* source = nullptr;
  const BodySink* sink = nullptr;
  ByteView upload;
  std::size_t body_bytes_max = 0, header_bytes = 0;
  CURL* curl = nullptr;
  Response response;
  std::optional<Error> error;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::string_view line(data, size);
  if ((exchange.header_bytes += size) > kHeaderBytesMax) return 0;
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();  // an interim answer (100) came before
    return size;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  value = first == std::string_view::npos ? "" : value.substr(first, value.find_last_not_of(" \t\r\n") - first + 1);
  exchange.response.headers.emplace_back(lower(line.substr(0, colon)), value);
  return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  long status = 0;
  curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
  if (exchange.sink && status >= 200 && status < 300) {
    if (auto taken = (*exchange.sink)({data, size}); !taken) {
      exchange.error = std::move(taken).error();
      return 0;
    }
    return size;
  }
  if (size > exchange.body_bytes_max - exchange.response.body.size()) {
    exchange.error = Error{
        Code::exhausted, "http.body.large", "",
        "the answer is larger than the " + std::to_string(exchange.body_bytes_max) + " bytes that are accepted here",
        0};
    return 0;
  }
  exchange.response.body.append(data, size);
  return size;
}

std::size_t on_read(char* out, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (!exchange.source) {
    const std::size_t count = exchange.upload.copy(out, size);
    exchange.upload.remove_prefix(count);
    return count;
  }
  auto read = (*exchange.source)(out, size);
  if (read) return *read;
  exchange.error = std::move(read).error();
  return CURL_READFUNC_ABORT;
}

/// What a server says of a client certificate that it does not take (RFC 8446 §6.2), as OpenSSL spells it.
struct Alert {
  const char *text, *meaning;
};
constexpr Alert kAlerts[] = {
    {"alert certificate expired", "it has expired"},
    {"alert certificate revoked", "it was revoked"},
    {"alert unknown ca", "its authority is none that the server knows"},
    {"alert bad certificate", "it is not valid yet, or not whole"},
    {"alert unsupported certificate", "it is for something else than a client, a server perhaps"},
    {"alert certificate unknown", "it is not accepted"},
    {"alert certificate required", "there is none, and one is needed"},
};

/// What went wrong, and what to do about it. `detail` is curl's own sentence.
Error explain(CURLcode code, const std::string& url, const std::string& ca_file, const std::string& detail) {
  const auto error = [&](Code kind, std::string_view slug, std::string what) {
    return Error{kind, slug, url, what, 0};
  };
  // TLS 1.3 tells a caller only after its first bytes, so the alert comes with any code.
  for (const Alert& alert : kAlerts) {
    if (detail.find(alert.text) == std::string::npos) continue;
    return error(Code::unauthenticated, "http.tls.refused",
                 std::string("the server does not take the client certificate: ") + alert.meaning + " (" + detail +
                     "); have one issued by the authority that the server names");
  }
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return error(Code::invalid, "http.url.malformed",
                   "this is no http or https URL; write it as https://host:port/path");
    case CURLE_COULDNT_RESOLVE_HOST:
      return error(Code::unavailable, "http.host.unknown",
                   "the host's name cannot be resolved; check the URL and the network");
    case CURLE_COULDNT_CONNECT:
      return error(Code::unavailable, "http.connect.refused",
                   "nothing accepts connections there; check host and port, and that the server runs");
    case CURLE_OPERATION_TIMEDOUT:
      return error(Code::unavailable, "http.timeout", "the peer did not answer in time; try again, or give it longer");
    case CURLE_SSL_CACERT_BADFILE:
      return Error{Code::invalid, "http.tls.authority", ca_file.empty() ? url : ca_file, kNoAuthority, 0};
    case CURLE_PEER_FAILED_VERIFICATION:
      return error(Code::unauthenticated, "http.tls.untrusted",
                   "the server's certificate is not trusted (" + detail + "); give the authority that signed it");
    case CURLE_SSL_CERTPROBLEM:
      return error(Code::invalid, "http.tls.certificate",
                   "the client certificate or its key cannot be used (" + detail + "); check both files");
    case CURLE_SSL_CONNECT_ERROR:
      return error(
          Code::unavailable, "http.tls.handshake",
          "no TLS connection came about (" + detail + "); is this an https port, and is a client certificate needed?");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return error(Code::unavailable, "http.connection.lost",
                   "the peer closed the connection (" + detail +
                       "); try again, and check whether it wants a client certificate, and yours is valid");
    default:
      return error(Code::unavailable, "http.failed", detail);
  }
}

struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListFree>;

bool append(List& list, const std::string& line) {
  curl_slist* grown = curl_slist_append(list.get(), line.c_str());
  if (!grown) return false;
  (void)list.release();
  list.reset(grown);
  return true;
}

}  // namespace

Result<void> require_authority(const std::string& ca_file) {
  if (ca_file.empty()) return {};
  std::error_code ignored;
  if (std::filesystem::is_directory(ca_file, ignored)) {
    return fail(Code::invalid, "file.folder", ca_file,
                "this is a folder; name the file with the authority's certificate");
  }
  HF_TRY(const std::string pem, read_file(ca_file));
  if (pem.find("CERTIFICATE-----") != std::string::npos) return {};
  return fail(Code::invalid, "http.tls.authority", ca_file, kNoAuthority);
}

std::string_view Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct HttpClient::Handle {
  HttpOptions options;
  CURL* curl = nullptr;
  char detail[CURL_ERROR_SIZE] = {};

  explicit Handle(HttpOptions wanted) : options(std::move(wanted)) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    curl = curl_easy_init();
    HF_ASSERT(curl != nullptr);
  }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(curl, option, value);
  }
  void prepare(const Request& request, Exchange& exchange, curl_slist* headers);
  Result<Response> perform(const Request& request, const BodySource* source, const BodySink* sink);
};

void HttpClient::Handle::prepare(const Request& request, Exchange& exchange, curl_slist* headers) {
  curl_easy_reset(curl);  // keeps connections and the TLS session
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);  // "." and ".." may be somebody's id
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_ACCEPT_ENCODING, "gzip");
  set(CURLOPT_USERAGENT, "holdfast/" HOLDFAST_VERSION);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  const bool streams = exchange.source || exchange.sink;
  if (streams) {
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, std::max<long>(1, static_cast<long>(options.timeout.count() / 1000)));
  } else {
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  }
  if (!options.ca_file.empty()) {
    set(CURLOPT_CAINFO, options.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));  // that one only, not the system's as well
  }
  if (!options.cert_file.empty()) set(CURLOPT_SSLCERT, options.cert_file.c_str());
  if (!options.key_file.empty()) set(CURLOPT_SSLKEY, options.key_file.c_str());
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &exchange);
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (exchange.source || !request.body.empty()) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &on_read);
    set(CURLOPT_READDATA, &exchange);
    if (!exchange.source) set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

Result<Response> HttpClient::Handle::perform(const Request& request, const BodySource* source, const BodySink* sink) {
  Exchange exchange;
  exchange.source = source;
  exchange.sink = sink;
  exchange.upload = request.body;
  exchange.body_bytes_max = options.body_bytes_max;
  exchange.curl = curl;
  List headers;
  // Waiting for "100 Continue" would cost a second with servers that do not send it.
  bool listed = append(headers, "Expect:");
  const bool empty_body = !source && request.body.empty();
  if (empty_body && request.method != "GET" && request.method != "HEAD") {
    listed = listed && append(headers, "Content-Length: 0");
  }
  for (const auto& [name, value] : request.headers) {
    if ((name + value).find_first_of("\r\n") != std::string::npos) {
      return fail(Code::invalid, "http.header.malformed", name, "a header cannot hold a line break");
    }
    listed = listed && append(headers, value.empty() ? name + ";" : name + ": " + value);
  }
  if (!listed) return fail(Code::exhausted, "http.memory", request.url, "out of memory");
  detail[0] = '\0';
  prepare(request, exchange, headers.get());
  const CURLcode code = curl_easy_perform(curl);
  if (exchange.error) {
    if (exchange.error->where.empty()) exchange.error->where = request.url;
    return tl::unexpected(*std::move(exchange.error));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  // A server that answers before it has read all of an upload may cut the rest off: its answer is what counts.
  const bool answered_early = code == CURLE_SEND_ERROR && status >= 400;
  if (code != CURLE_OK && !answered_early) {
    const char* sentence = detail[0] ? detail : curl_easy_strerror(code);
    return tl::unexpected(explain(code, request.url, options.ca_file, sentence));
  }
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

HttpClient::HttpClient(HttpOptions options) : handle_(std::make_unique<Handle>(std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<Response> HttpClient::get(const std::string& url) {
  Request request;
  request.url = url;
  for (unsigned attempt = 1;; ++attempt) {
    auto response = handle_->perform(request, nullptr, nullptr);
    const bool again =
        response ? response->status >= 502 && response->status <= 504 : response.error().code == Code::unavailable;
    if (!again || attempt >= handle_->options.attempts) return response;
    std::this_thread::sleep_for(std::chrono::milliseconds(100) * (1u << std::min(attempt, 5u)));
  }
}

Result<Response> HttpClient::send(const Request& request) { return handle_->perform(request, nullptr, nullptr); }

Result<Response> HttpClient::stream(const Request& request, const BodySource& source, const BodySink& sink) {
  return handle_->perform(request, source ? &source : nullptr, sink ? &sink : nullptr);
}

}  // namespace holdfast::fetch
