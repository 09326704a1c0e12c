#include "verify/source.h"

#include <filesystem>
#include <mutex>
#include <vector>

#include "base/file.h"
#include "fetch/problem.h"

namespace holdfast::verify {
namespace {

/// What a problem document says, with its code; of any other answer what may be the reason.
std::string problem_of(std::string_view body) {
  const fetch::Problem problem = fetch::read_problem(body);
  if (problem.code.empty() && problem.detail.empty()) return "; check that the URL is the log's prefix";
  return ": " + problem.detail + (problem.code.empty() ? "" : " [" + problem.code + "]");
}

class Directory final : public Source {
 public:
  explicit Directory(std::filesystem::path root) : root_(std::move(root)) {}

  Result<Bytes> get(std::string_view path, std::size_t bytes_max) override {
    const std::filesystem::path file = root_ / path;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) {
      return fail(Code::not_found, "verify.file.missing", file.string(), "the log has no such file");
    }
    auto bytes = read_file(file.string(), bytes_max);
    if (!bytes && bytes.error().code == Code::invalid) bytes.error().code = Code::corrupt;  // larger than it can be
    return bytes;
  }
  bool is_remote() const override { return false; }

 private:
  std::filesystem::path root_;
};

class Remote final : public Source {
 public:
  Remote(std::string prefix, fetch::HttpOptions options) : prefix_(std::move(prefix)), options_(std::move(options)) {}

  Result<Bytes> get(std::string_view path, std::size_t bytes_max) override {
    fetch::HttpClient client = take();
    const std::string url = prefix_ + std::string(path);
    auto response = client.get(url);
    give_back(std::move(client));
    HF_CHECK(response);
    if (response->status == 404 || response->status == 410) {
      return fail(Code::not_found, "verify.file.missing", url, "the log has no such file");
    }
    if (response->status != 200) {
      return fail(Code::unavailable, "verify.fetch.status", url,
                  "the log answered with status " + std::to_string(response->status) + problem_of(response->body));
    }
    if (response->body.size() > bytes_max) {
      return fail(Code::corrupt, "verify.fetch.large", url, "the answer is larger than anything a log has there");
    }
    return std::move(response->body);
  }
  bool is_remote() const override { return true; }

 private:
  fetch::HttpClient take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return fetch::HttpClient(options_);
    fetch::HttpClient client = std::move(idle_.back());
    idle_.pop_back();
    return client;
  }
  void give_back(fetch::HttpClient client) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(client));
  }

  std::string prefix_;
  fetch::HttpOptions options_;
  std::mutex mutex_;
  std::vector<fetch::HttpClient> idle_;  // each keeps its connection
};

}  // namespace

Result<std::unique_ptr<Source>> Source::open(const std::string& place, const fetch::HttpOptions& http) {
  if (place.starts_with("http://") || place.starts_with("https://")) {
    HF_CHECK(fetch::require_authority(http.ca_file));
    return std::make_unique<Remote>(place.ends_with('/') ? place : place + '/', http);
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(place, ignored)) {
    return fail(Code::invalid, "verify.log.place", place,
                "this is neither a directory nor an http or https URL; give the log's URL, or the directory that "
                "`holdfast log export` wrote");
  }
  return std::make_unique<Directory>(place);
}

}  // namespace holdfast::verify
