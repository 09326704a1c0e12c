#include "page/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/plain.h"
#include "page/template.h"

namespace holdfast::page {
namespace {

constexpr int kMostDays = 62;
constexpr double kWidth = 640, kHeight = 96, kLeft = 62, kTop = 8, kBottom = 18;

std::chrono::year_month_day date_of(std::int32_t day) {
  return std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(day)));
}
int month_of(std::int32_t day) {
  const auto date = date_of(day);
  return static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) - 1;
}

struct Scale {
  const Axis& axis;
  std::size_t slots() const {
    return static_cast<std::size_t>(axis.by_month ? month_of(axis.last_day) - month_of(axis.first_day) + 1
                                                  : axis.last_day - axis.first_day + 1);
  }
  std::optional<std::size_t> slot(std::int32_t day) const {
    if (day < axis.first_day || day > axis.last_day) return {};
    return static_cast<std::size_t>(axis.by_month ? month_of(day) - month_of(axis.first_day) : day - axis.first_day);
  }
  std::string name(std::size_t slot) const {
    if (!axis.by_month) return date_from_days(axis.first_day + static_cast<std::int32_t>(slot));
    const int month = month_of(axis.first_day) + static_cast<int>(slot);
    return fmt::format("{:04}-{:02}", month / 12, month % 12 + 1);
  }
};

/// 1, 2 or 5 times a power of ten, not below `value`.
std::uint64_t round_up(std::uint64_t value) {
  for (std::uint64_t power = 1; power < 1'000'000'000'000'000'000; power *= 10) {
    for (const std::uint64_t step : {1u, 2u, 5u}) {
      if (step * power >= value) return step * power;
    }
  }
  return value;
}

}  // namespace

Axis Axis::of(UnixMillis from, UnixMillis until) {
  const auto day = [](UnixMillis at) {
    return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(std::chrono::milliseconds(at)).count());
  };
  Axis axis{day(from), std::max(day(from), day(until)), false};
  axis.by_month = axis.last_day - axis.first_day >= kMostDays;
  return axis;
}

std::string bars(const report::Days& days, const Axis& axis, bool sum, std::optional<std::uint64_t> ceiling,
                 const std::string& label) {
  const Scale scale{axis};
  std::vector<std::uint64_t> values(scale.slots());
  for (const auto& [day, count] : days.list()) {
    if (const auto slot = scale.slot(day)) {
      values[*slot] = sum ? values[*slot] + count : std::max(values[*slot], count);
    }
  }
  const std::uint64_t highest = *std::max_element(values.begin(), values.end());
  // A ceiling far above the bars would press them flat: then it is told in words only.
  const bool draws_ceiling = ceiling && *ceiling <= 5 * std::max<std::uint64_t>(highest, 1);
  const std::uint64_t top =
      draws_ceiling ? std::max(*ceiling + *ceiling / 10, highest) : round_up(std::max<std::uint64_t>(highest, 1));
  const double floor = kHeight - kBottom, room = floor - kTop;
  const double step = (kWidth - kLeft - 6) / static_cast<double>(values.size());
  const auto y_of = [&](std::uint64_t value) {
    return floor - room * static_cast<double>(value) / static_cast<double>(top);
  };

  std::string out =
      fmt::format(R"(<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}"><title>{}</title>)",
                  kWidth, kHeight, escaped(label), escaped(label));
  const std::uint64_t marked = draws_ceiling ? highest : top;
  if (marked > 0) {
    out += fmt::format(R"(<text class="tick" x="{:.0f}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 5,
                       y_of(marked) + 4, with_commas(marked));
    out += fmt::format(R"(<line class="grid" x1="{0:.0f}" x2="{1:.0f}" y1="{2:.1f}" y2="{2:.1f}"/>)", kLeft, kWidth,
                       y_of(marked));
  }
  out += fmt::format(R"(<text class="tick" x="{:.0f}" y="{:.1f}" text-anchor="end">0</text>)", kLeft - 5, floor + 3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) continue;
    const double width = std::min(step * 0.7, 56.0), x = kLeft + step * (static_cast<double>(i) + 0.5) - width / 2;
    out += fmt::format(
        R"(<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}: {}</title></rect>)", x,
        std::min(y_of(values[i]), floor - 1), width, std::max(floor - y_of(values[i]), 1.0), scale.name(i),
        with_commas(values[i]));
  }
  out +=
      fmt::format(R"(<line class="axis" x1="{0:.0f}" x2="{1:.0f}" y1="{2:.1f}" y2="{2:.1f}"/>)", kLeft, kWidth, floor);
  if (draws_ceiling) {
    out += fmt::format(R"(<line class="ceiling" x1="{0:.0f}" x2="{1:.0f}" y1="{2:.1f}" y2="{2:.1f}"/>)", kLeft, kWidth,
                       y_of(*ceiling));
    out += fmt::format(R"(<text class="tick ceiling-text" x="{:.0f}" y="{:.1f}" text-anchor="end">limit {}</text>)",
                       kWidth - 2, y_of(*ceiling) - 3, with_commas(*ceiling));
  }
  out += fmt::format(R"(<text class="tick" x="{:.0f}" y="{:.0f}">{}</text>)", kLeft, kHeight - 5, scale.name(0));
  if (values.size() > 1) {
    out += fmt::format(R"(<text class="tick" x="{:.0f}" y="{:.0f}" text-anchor="end">{}</text>)", kWidth - 2,
                       kHeight - 5, scale.name(values.size() - 1));
  }
  return out + "</svg>";
}

}  // namespace holdfast::page
