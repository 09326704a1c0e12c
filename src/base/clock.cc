#include "base/clock.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

using std::chrono::year_month_day;

/// Exactly `count` digits at the front of `text`, which shrinks; -1 otherwise.
int digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int out = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return out;
}

bool skip(std::string_view& text, char a, char b = '\0') {
  if (text.empty() || (text.front() != a && (b == '\0' || text.front() != b))) return false;
  text.remove_prefix(1);
  return true;
}

/// Days since the epoch; nothing when there is no such day.
bool parse_date(std::string_view& text, std::int32_t& days) {
  const int year = digits(text, 4);
  if (year < 1 || !skip(text, '-')) return false;
  const int month = digits(text, 2);
  if (month < 1 || !skip(text, '-')) return false;
  const int day = digits(text, 2);
  if (day < 1) return false;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  days = static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  return true;
}

/// "Z" or "+hh:mm", in minutes.
bool parse_offset(std::string_view& text, int& minutes) {
  minutes = 0;
  if (skip(text, 'Z', 'z')) return true;
  const int sign = !text.empty() && text.front() == '-' ? -1 : 1;
  if (!skip(text, '+', '-')) return false;
  const int hours = digits(text, 2);
  if (hours < 0 || hours > 23 || !skip(text, ':')) return false;
  const int rest = digits(text, 2);
  if (rest < 0 || rest > 59) return false;
  minutes = sign * (hours * 60 + rest);
  return true;
}

}  // namespace

UnixMillis SystemClock::now() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string date_from_days(std::int32_t days) {
  const year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string to_rfc3339(UnixMillis at) {
  constexpr UnixMillis day = 86'400'000;
  const UnixMillis days = at >= 0 ? at / day : (at - day + 1) / day;
  const UnixMillis rest = at - days * day;
  return fmt::format("{}T{:02}:{:02}:{:02}.{:03}Z", date_from_days(static_cast<std::int32_t>(days)), rest / 3'600'000,
                     rest / 60'000 % 60, rest / 1000 % 60, rest % 1000);
}

Result<std::int32_t> days_from_date(std::string_view text) {
  std::int32_t days = 0;
  if (!parse_date(text, days) || !text.empty()) {
    return fail(Code::invalid, "date.malformed", "", "a date is written YYYY-MM-DD, and must exist");
  }
  return days;
}

Result<UnixMillis> from_rfc3339(std::string_view text) {
  const auto malformed = [] {
    return fail(Code::invalid, "time.malformed", "", "a time is written as in RFC 3339, say 2026-11-23T22:00:00Z");
  };
  std::int32_t days = 0;
  if (!parse_date(text, days) || !skip(text, 'T', 't')) return malformed();
  const int hour = digits(text, 2);
  if (hour < 0 || hour > 23 || !skip(text, ':')) return malformed();
  const int minute = digits(text, 2);
  if (minute < 0 || minute > 59 || !skip(text, ':')) return malformed();
  const int second = digits(text, 2);
  if (second < 0 || second > 60) return malformed();
  int millis = 0;
  if (skip(text, '.')) {
    int scale = 100;
    std::size_t count = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++count, scale /= 10) {
      millis += (text.front() - '0') * scale;
    }
    if (count == 0 || count > 9) return malformed();
  }
  int offset = 0;
  if (!parse_offset(text, offset) || !text.empty()) return malformed();
  const UnixMillis minutes = (static_cast<UnixMillis>(days) * 24 + hour) * 60 + minute - offset;
  return (minutes * 60 + second) * 1000 + millis;
}

}  // namespace holdfast
