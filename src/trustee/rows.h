#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "base/result.h"
#include "vault/record.h"

namespace holdfast::trustee {

/// One row that came in: whose, its key in an append-only collection, and what it says.
struct IncomingRow {
  std::uint64_t line = 0;  ///< where it starts, from 1
  std::string subject, key;
  vault::Record record;
};

inline constexpr std::size_t kRowBytesMax = 1u << 20;

/// A record from a JSON object of the collection's fields. Errors: invalid "record.json" (at a byte, from 1),
/// "record.field.unknown" (with near names), and those of disclosure's values; `where` is the field. None repeats a
/// value.
Result<vault::Record> record_from_json(const agreement::Collection& collection, std::string_view json);

/// Can this be a row's key in an append-only collection? invalid "vault.row.key", at the key's name.
Result<void> check_key(const agreement::Collection& collection, std::string_view key);

/// Turns a stream, cut anywhere, into rows of one collection. One a format; asio-free, so that it is fuzzed alone.
class RowReader {
 public:
  using OnRow = std::function<void(IncomingRow&&)>;
  /// A row that is not taken: why, and at which line.
  using OnProblem = std::function<void(std::uint64_t line, const Error&)>;
  virtual ~RowReader() = default;
  /// An error ends the stream (a CSV header without a column that must be there, a CSV row over kRowBytesMax).
  virtual Result<void> feed(std::string_view bytes) = 0;
  virtual Result<void> finish() = 0;

  /// One JSON object a line: "subject", the key's name where there is one, and fields. Empty lines are passed over; a
  /// byte-order mark is taken.
  static std::unique_ptr<RowReader> ndjson(const agreement::Collection& collection, OnRow row, OnProblem problem);
  /// RFC 4180 with a header line of those names; a byte-order mark is taken; an empty cell is no value.
  static std::unique_ptr<RowReader> csv(const agreement::Collection& collection, OnRow row, OnProblem problem);
};

}  // namespace holdfast::trustee
