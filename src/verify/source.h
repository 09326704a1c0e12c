#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "fetch/http_client.h"

namespace holdfast::verify {

/// Where a log is read from. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  /// What lies at `path` ("checkpoint", "tile/0/000", "agreement/<hex>") beneath the log's prefix.
  /// not_found: the log does not have it. unavailable and others: it could not be asked.
  virtual Result<Bytes> get(std::string_view path, std::size_t bytes_max) = 0;
  virtual bool is_remote() const = 0;

  /// `place`: an http or https URL, the log's prefix, or a directory as `holdfast log export` writes it.
  /// Errors: invalid "verify.log.place"; those of require_authority.
  static Result<std::unique_ptr<Source>> open(const std::string& place, const fetch::HttpOptions& http);
};

}  // namespace holdfast::verify
