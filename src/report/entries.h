#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace holdfast::report {

/// Which entries a figure comes from: indexes that only grow, kept as the lengths of runs and of the gaps between
/// them, so that a year of releases costs a byte or two each.
class Entries {
 public:
  /// Precondition: above every index added before.
  void add(std::uint64_t index);

  std::uint64_t count() const { return count_; }
  std::uint64_t runs() const { return count_ == 0 ? 0 : closed_ + 1; }
  /// First and last of all; 0 when there are none.
  std::uint64_t first() const { return first_; }
  std::uint64_t last() const { return count_ == 0 ? 0 : start_ + length_ - 1; }

  /// The runs in their order, each first to last, until `take` answers false.
  void each_run(const std::function<bool(std::uint64_t first, std::uint64_t last)>& take) const;
  /// "0, 3–7, 12", at most `runs_max` runs; "0, 3–7 and 2 more runs".
  std::string text(std::uint64_t runs_max) const;

 private:
  Bytes packed_;  // of each closed run: LEB128 of the gap before it, LEB128 of its length
  std::uint64_t closed_ = 0, packed_until_ = 0;
  std::uint64_t start_ = 0, length_ = 0;  // the open run
  std::uint64_t first_ = 0, count_ = 0;
};

}  // namespace holdfast::report
