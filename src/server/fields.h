#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::server {

/// W3C Trace Context, level 1. https://www.w3.org/TR/trace-context/
struct Trace {
  std::string id;      ///< 32 hex digits
  std::string parent;  ///< the header for the answer: the same trace, a span of ours

  /// Goes on with the caller's trace, or begins one when `traceparent` is not a good one.
  static Trace of(std::string_view traceparent);
};

/// The number in an entity tag of ours: "12" in its quotes. Nothing for a weak tag, a list, or any other text.
std::optional<std::uint64_t> parse_etag(std::string_view text);
std::string to_etag(std::uint64_t version);

/// Without parameters and in lower case: "application/json" of "Application/JSON; charset=utf-8". A charset other
/// than UTF-8 is not taken: empty.
std::string media_type(std::string_view content_type);

/// A whole number without sign or leading zeros, as in a path.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// An idempotency key: 1 to 255 printable ASCII characters. invalid "request.idempotency_key".
Result<std::string> parse_idempotency_key(std::string_view text);

}  // namespace holdfast::server
