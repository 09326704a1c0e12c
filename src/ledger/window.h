#pragma once

#include "agreement/plan.h"
#include "base/clock.h"

namespace holdfast::ledger {

/// Can an entry be of this time? Entries write it as RFC 3339 does, so its year has four digits; windows around it stay
/// far from what a number can hold. What does not come from an entry is asked first.
constexpr bool is_entry_time(UnixMillis at) { return at > -100'000'000'000'000 && at < 300'000'000'000'000; }

/// A span of time, [start, end).
struct Window {
  UnixMillis start = 0, end = 0;
  bool holds(UnixMillis at) const { return at >= start && at < end; }
};

/// The calendar window (UTC) that `at` lies in: the hour, the day, the week from its Monday (ISO 8601), the month or
/// the year.
Window calendar_window(agreement::Limit::Window unit, UnixMillis at);

/// The length of a rolling window in milliseconds. A month is a twelfth of 365 days, so 12 months are a year.
UnixMillis rolling_length(agreement::Limit::Window unit, std::uint32_t windows);

/// How long a caller who comes too early is told to wait, in seconds.
int seconds_until(UnixMillis then, UnixMillis now);

}  // namespace holdfast::ledger
