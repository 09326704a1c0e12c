#include "cli/frame/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/plain.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kBarWidth = 20;

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bar(double share) {
  const auto full = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
  std::string out;
  for (std::size_t i = 0; i < kBarWidth; ++i) out += i < full ? "█" : "░";
  return out;
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units.at(unit));
}

std::string duration_text(std::chrono::seconds time) {
  const auto seconds = time.count();
  if (seconds >= 3600) return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::string progress_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total,
                          std::string_view unit, std::uint64_t units_done, std::chrono::milliseconds elapsed,
                          std::size_t width) {
  if (unit.empty()) {
    return fmt::format("{}  {}", what, duration_text(std::chrono::duration_cast<std::chrono::seconds>(elapsed)));
  }
  const double seconds = std::max(0.001, static_cast<double>(elapsed.count()) / 1000);
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(units_done) / seconds);
  std::string counted = fmt::format("{} {}  {}/s", with_commas(units_done), unit, with_commas(rate));
  if (!total || *total == 0) return fmt::format("{}  {}", what, counted);
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
  std::string left;
  if (share > 0 && share < 1) {
    const auto rest = std::chrono::seconds(static_cast<std::int64_t>(seconds / share * (1 - share) + 0.5));
    left = fmt::format("  {} left", duration_text(rest));
  }
  const auto percent = static_cast<int>(share * 100);
  std::string line = fmt::format("{} {} {:3}%  {}{}", what, bar(share), percent, counted, left);
  // The bar's characters take three bytes each and one column.
  if (line.size() - 2 * kBarWidth <= width) return line;
  return fmt::format("{} {:3}%  {}", what, percent, counted).substr(0, width);
}

Progress::Progress(std::string what, std::string unit, std::optional<std::uint64_t> total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      next_(start_ + std::chrono::seconds(1)),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void Progress::update(std::uint64_t done, std::uint64_t units_done) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10));
  const std::size_t width = terminal_ ? terminal_width() - 1 : 200;
  const std::string line = progress_line(what_, done, total_, unit_, units_done, elapsed(), width);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", line, terminal_ ? "" : "\n");
  std::fflush(stderr);
  drawn_ = terminal_;
}

std::chrono::milliseconds Progress::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start_);
}

}  // namespace holdfast::cli
