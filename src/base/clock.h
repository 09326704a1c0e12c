#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast {

/// Milliseconds since 1970-01-01T00:00Z, without leap seconds.
using UnixMillis = std::int64_t;

/// Where the time comes from; injected, so that tests move it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMillis now() const = 0;
};

class SystemClock final : public Clock {
 public:
  UnixMillis now() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMillis start = 1'700'000'000'000) : now_(start) {}
  UnixMillis now() const override { return now_.load(); }
  void set(UnixMillis now) { now_ = now; }
  void advance(std::chrono::milliseconds by) { now_ += by.count(); }

 private:
  std::atomic<UnixMillis> now_;
};

/// RFC 3339, UTC, three decimals: "2026-11-23T22:00:00.123Z".
std::string to_rfc3339(UnixMillis at);
/// RFC 3339 with any offset and up to nine decimals (cut to milliseconds).
Result<UnixMillis> from_rfc3339(std::string_view text);
/// Days since 1970-01-01 of a proleptic Gregorian date "YYYY-MM-DD"; years 0001 to 9999.
Result<std::int32_t> days_from_date(std::string_view text);
/// The inverse.
std::string date_from_days(std::int32_t days);

}  // namespace holdfast
