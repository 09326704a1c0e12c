#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::cli {

/// "999 B", "1.5 KiB", "3.2 GiB".
std::string size_text(std::uint64_t bytes);
/// "0:07", "12:34", "1:02:03".
std::string duration_text(std::chrono::seconds time);
/// One line of at most `width` columns: "views ███████░░░  70%  1,400,000  182,300/s  0:03 left". Without a total
/// there is neither bar nor time left; without a unit only for how long: "running  0:12".
std::string progress_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total,
                          std::string_view unit, std::uint64_t units_done, std::chrono::milliseconds elapsed,
                          std::size_t width);

/// Shows on stderr how far something is: from the first second on, a bar that redraws itself on a terminal, a plain
/// line every ten seconds elsewhere. Two measures: what tells how far (bytes of a file), and what is counted (rows).
class Progress {
 public:
  Progress(std::string what, std::string unit, std::optional<std::uint64_t> total);
  /// Takes the bar away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done, std::uint64_t units_done);
  std::chrono::milliseconds elapsed() const;

 private:
  std::string what_, unit_;
  std::optional<std::uint64_t> total_;
  std::chrono::steady_clock::time_point start_, next_;
  bool terminal_ = false;
  bool drawn_ = false;
};

}  // namespace holdfast::cli
