#include "cli/frame/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/near.h"
#include "cli/workdir/workdir.h"
#include "fetch/problem.h"
#include "server/config.h"

namespace holdfast::cli {
namespace {

/// Long: an erasure rewrites the engine's files before it answers.
constexpr std::chrono::minutes kTimeout{10};

Code code_of(int status) {
  switch (status) {
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::refused;
    case 404:
      return Code::not_found;
    case 409:
    case 412:
      return Code::conflict;
    case 429:
      return Code::exhausted;
    case 501:
      return Code::unsupported;
    case 408:
    case 502:
    case 503:
    case 504:
      return Code::unavailable;
    default:
      return status >= 500 ? Code::internal : Code::invalid;
  }
}

std::string profiles_in(const WorkDir& dir, const std::string& wanted) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(dir.path() + "/clients", ignored)) {
    if (file.path().extension() == ".crt") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  const std::vector<std::string_view> views(names.begin(), names.end());
  if (const std::string hint = did_you_mean(wanted, views); !hint.empty()) return hint;
  return names.empty() ? "" : fmt::format("; there are {}", fmt::join(names, ", "));
}

/// The files of --as, where no file was named by itself.
Result<ClientOptions> complete(ClientOptions options) {
  const WorkDir dir(options.dir);
  if (options.cert.empty() && options.key.empty()) {
    if (options.as.empty()) {
      return fail(Code::invalid, "cli.client.who", "",
                  "say who calls: --as NAME takes clients/NAME.crt of the working directory, or give --cert and --key");
    }
    std::error_code failed;  // a name may be too long for a file
    const bool there = std::filesystem::exists(dir.client_certificate(options.as), failed);
    if (failed == std::errc::permission_denied) {
      return fail(Code::unavailable, "cli.client.unreadable", dir.client_certificate(options.as),
                  "it cannot be read by this user; run as the server's, or chown it");
    }
    if (!there) {
      constexpr std::string_view kSubject = "subject-";
      const bool person = options.as.starts_with(kSubject);
      return fail(Code::invalid, "cli.client.profile", dir.client_certificate(options.as),
                  fmt::format("there is no such client certificate{}; 'holdfast key certificate {}' makes one",
                              profiles_in(dir, options.as),
                              person ? "--subject " + options.as.substr(kSubject.size()) : "--party NAME"));
    }
    options.cert = dir.client_certificate(options.as);
    options.key = dir.client_key(options.as);
  }
  if (options.cert.empty() || options.key.empty()) {
    return fail(Code::invalid, "cli.client.pair", "", "--cert and --key go together: give both");
  }
  if (options.ca.empty() && std::filesystem::exists(dir.authority_certificate())) {
    options.ca = dir.authority_certificate();
  }
  return options;
}

}  // namespace

void add_client_options(CLI::App& command, ClientOptions& options) {
  const std::string group = "Server and caller";
  command.add_option("--as", options.as, "Call with clients/NAME.crt of the working directory")->group(group);
  command.add_option("--dir", options.dir, "Working directory (default: $HOLDFAST_DIR, or .)")->group(group);
  command.add_option("--server", options.server, "URL (default: $HOLDFAST_SERVER, or as the directory says)")
      ->group(group);
  command.add_option("--cert", options.cert, "Client certificate, PEM")->group(group);
  command.add_option("--key", options.key, "Its private key, PEM")->group(group);
  command.add_option("--ca", options.ca, "Authority that signed the server's certificate, PEM")->group(group);
}

Result<std::string> find_server(const ClientOptions& options) {
  std::string url = options.server;
  if (url.empty()) {
    const char* given = std::getenv("HOLDFAST_SERVER");
    if (given) url = given;
  }
  if (url.empty()) {
    const WorkDir dir(options.dir);
    if (const auto ready = read_ready(dir.ready_file())) {
      url = ready->url;
    } else if (std::filesystem::exists(dir.config())) {
      HF_TRY(const server::Config config, server::load_config(dir.config()));
      if (config.listen.port == 0) {
        return fail(Code::unavailable, "cli.client.stopped", dir.ready_file(),
                    "no server runs in this directory, and its configuration leaves the port to the start, so there is "
                    "no telling where it will be; start it, or give --server URL of another");
      }
      url = "https://" + authority_of(config.listen);
    } else {
      return fail(Code::invalid, "cli.client.server", dir.path(),
                  "this is no working directory, so it does not say where the server is; give --server URL or --dir");
    }
  }
  if (!url.starts_with("https://")) {
    return fail(Code::invalid, "cli.client.server", url, "a server's URL begins with https://");
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Result<Client> Client::create(const ClientOptions& options) {
  HF_TRY(const ClientOptions files, complete(options));
  HF_CHECK(fetch::require_authority(files.ca));
  HF_TRY(std::string url, find_server(options));
  fetch::HttpOptions http;
  http.ca_file = files.ca;
  http.cert_file = files.cert;
  http.key_file = files.key;
  http.timeout = kTimeout;
  return Client(fetch::HttpClient(std::move(http)), std::move(url));
}

Result<fetch::Response> Client::call(const std::string& method, const std::string& path, std::string body,
                                     fetch::Headers headers) {
  HF_TRY(auto response, http_.send({method, server_ + path, std::move(headers), std::move(body)}));
  if (!response.ok()) return tl::unexpected(error_of(response));
  return response;
}

Result<fetch::Response> Client::upload(const std::string& method, const std::string& path,
                                       const fetch::BodySource& source, fetch::Headers headers) {
  HF_TRY(auto response, http_.stream({method, server_ + path, std::move(headers), {}}, source, {}));
  if (!response.ok()) return tl::unexpected(error_of(response));
  return response;
}

Result<fetch::Response> Client::stream(const std::string& method, const std::string& path, std::string body,
                                       fetch::Headers headers, const fetch::BodySink& sink) {
  HF_TRY(auto response, http_.stream({method, server_ + path, std::move(headers), std::move(body)}, {}, sink));
  if (!response.ok()) return tl::unexpected(error_of(response));
  return response;
}

Error error_of(const fetch::Response& response) {
  Error error{code_of(response.status), "server.answer", "", ""};
  const std::string_view retry = response.header("retry-after");
  std::from_chars(retry.data(), retry.data() + retry.size(), error.retry_after_s);
  fetch::Problem problem = fetch::read_problem(response.body);
  error.what = std::move(problem.detail);
  error.where = std::move(problem.where);
  if (!problem.code.empty()) error.slug = keep_slug(problem.code);
  if (error.what.empty()) error.what = fmt::format("the server answered with status {}", response.status);
  if (error.retry_after_s > 0) error.what += fmt::format(" (try again in {} s)", error.retry_after_s);
  return error;
}

std::string_view keep_slug(std::string_view slug) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> kept;
  const std::lock_guard lock(mutex);
  return *kept.emplace(slug).first;
}

}  // namespace holdfast::cli
