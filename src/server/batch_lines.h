#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::server {

inline constexpr std::size_t kBatchLineBytesMax = 4096;

/// Cuts a stream of bytes into lines, whatever the pieces it comes in. A line that is too long is told once and passed
/// over, so memory stays bounded.
class LineSplitter {
 public:
  struct Line {
    std::uint64_t number = 0;  ///< from 1
    std::string_view text;     ///< without its end; valid until the next call
    bool too_long = false;     ///< then `text` is empty
  };

  void feed(std::string_view piece);
  /// No more bytes will come: the last line may lack its end.
  void finish() { finished_ = true; }
  /// Nothing: feed more, or the end. Empty lines are passed over.
  std::optional<Line> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t number_ = 0;
  bool skipping_ = false;
  bool finished_ = false;
};

/// The subject that a line of a batch asks for: "id" or {"subject": "id"}, nothing else.
/// invalid "batch.line".
Result<std::string> parse_batch_line(std::string_view line);

}  // namespace holdfast::server
