#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/report.h"

namespace holdfast::page {

/// Time along the bottom of a chart: a bar a day, or a month where that would be more than 62.
struct Axis {
  std::int32_t first_day = 0, last_day = 0;  ///< since 1970
  bool by_month = false;

  /// Of the days from `from` to `until`, both inside.
  static Axis of(UnixMillis from, UnixMillis until);
};

/// Bars as an SVG image. `sum`: a month's bar is the sum of its days, else the highest of them. `ceiling`: a line that
/// the bars stay under. `label` tells what is counted, for those who hear the page.
std::string bars(const report::Days& days, const Axis& axis, bool sum, std::optional<std::uint64_t> ceiling,
                 const std::string& label);

}  // namespace holdfast::page
