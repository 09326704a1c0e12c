#include "cli/frame/progress.h"

#include <gtest/gtest.h>

#include "base/plain.h"

namespace holdfast::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Progress, numbers_for_people) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(3ull << 30), "3.0 GiB");
  EXPECT_EQ(duration_text(seconds(7)), "0:07");
  EXPECT_EQ(duration_text(seconds(3723)), "1:02:03");
}

TEST(Progress, a_line_has_bar_rate_and_time_left) {
  EXPECT_EQ(progress_line("views", 50, 100, "rows", 1000, milliseconds(2000), 120),
            "views ██████████░░░░░░░░░░  50%  1,000 rows  500/s  0:02 left");
  EXPECT_EQ(progress_line("views", 100, 100, "rows", 1000, milliseconds(2000), 120),
            "views ████████████████████ 100%  1,000 rows  500/s");
  EXPECT_EQ(progress_line("batch", 0, std::nullopt, "subjects", 30, milliseconds(1000), 80),
            "batch  30 subjects  30/s");
}

TEST(Progress, a_narrow_terminal_gets_no_bar_and_never_a_second_line) {
  const std::string line = progress_line("views", 50, 100, "rows", 1000, milliseconds(2000), 30);
  EXPECT_EQ(line, "views  50%  1,000 rows  500/s");
  EXPECT_LE(progress_line("views", 50, 100, "rows", 1000, milliseconds(2000), 10).size(), 10u);
}

}  // namespace
}  // namespace holdfast::cli
