#include "ledger/window.h"

#include <algorithm>

namespace holdfast::ledger {
namespace {

constexpr UnixMillis kHour = 3'600'000;
constexpr UnixMillis kDay = 24 * kHour;
constexpr UnixMillis kYear = 365 * kDay;

UnixMillis floor_to(UnixMillis at, UnixMillis step, UnixMillis origin = 0) {
  const UnixMillis past = (at - origin) % step;
  return at - (past < 0 ? past + step : past);
}

UnixMillis start_of(std::chrono::year_month_day day) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::sys_days(day).time_since_epoch()).count();
}

}  // namespace

Window calendar_window(agreement::Limit::Window unit, UnixMillis at) {
  using agreement::Limit;
  using namespace std::chrono;
  const year_month_day day{floor<days>(sys_time<milliseconds>(milliseconds(at)))};
  switch (unit) {
    case Limit::Window::hour:
      return {floor_to(at, kHour), floor_to(at, kHour) + kHour};
    case Limit::Window::day:
      return {floor_to(at, kDay), floor_to(at, kDay) + kDay};
    case Limit::Window::week: {
      constexpr UnixMillis first_monday = 4 * kDay;  // 1970-01-05
      const UnixMillis start = floor_to(at, 7 * kDay, first_monday);
      return {start, start + 7 * kDay};
    }
    case Limit::Window::month: {
      const year_month month{day.year(), day.month()};
      return {start_of(month / 1), start_of((month + months(1)) / 1)};
    }
    case Limit::Window::year:
      break;
  }
  return {start_of(day.year() / 1 / 1), start_of((day.year() + years(1)) / 1 / 1)};
}

UnixMillis rolling_length(agreement::Limit::Window unit, std::uint32_t windows) {
  using agreement::Limit;
  switch (unit) {
    case Limit::Window::hour:
      return kHour * windows;
    case Limit::Window::day:
      return kDay * windows;
    case Limit::Window::week:
      return 7 * kDay * windows;
    case Limit::Window::month:
      return kYear / 12 * windows;
    case Limit::Window::year:
      break;
  }
  return kYear * windows;
}

int seconds_until(UnixMillis then, UnixMillis now) {
  return static_cast<int>(std::clamp<UnixMillis>((then - now + 999) / 1000, 1, 400 * kDay / 1000));
}

}  // namespace holdfast::ledger
