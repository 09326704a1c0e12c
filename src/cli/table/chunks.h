#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "base/result.h"
#include "cli/table/mapping.h"

namespace holdfast::cli {

/// A row that is not taken, and why. `row` counts from 1: of a table the header is row 1, as spreadsheets count; of
/// NDJSON it is the line.
struct RowProblem {
  std::uint64_t row = 0;
  std::string field, code, detail;
};

/// A piece of a file on its way to the server.
struct Chunk {
  std::uint64_t number = 0;
  std::string body;  ///< as the server's import takes it
  enum class Format : std::uint8_t { csv, ndjson } format = Format::csv;
  std::vector<std::uint64_t> rows;   ///< of the file, for each row of `body`
  std::vector<RowProblem> problems;  ///< of rows that are not in it
  std::uint64_t file_bytes = 0;      ///< of the file, read up to here

  /// The row of the file that the server calls `line`; 0 when there is none. Of a table its header is line 1.
  std::uint64_t row_of(std::uint64_t line) const;
};
/// Rows of a chunk: the first are small, so that the server has something to do at once; the larger, the more rows of
/// one person meet in one and go to disk together.
inline constexpr std::size_t kFirstChunkRows = 8192;
inline constexpr std::size_t kChunkRows = 131'072;
inline constexpr std::size_t kChunkBytes = 16u << 20;

/// What is told of a file as a whole once it was read.
struct ReadSummary {
  std::uint64_t rows = 0;
  std::vector<std::string> left_out;             ///< columns
  std::map<std::string, std::uint64_t> damaged;  ///< see RowMapper
  /// Where the file stops being a table, invalid "cli.import.csv", or being read, unavailable "file.unreadable". The
  /// rows before it were handed on.
  std::optional<Error> broken;
};

/// Reads a whole file and hands on its chunks in order; `take` answers false to stop.
/// Errors, with nothing handed on: not_found, invalid "cli.import.…" (no header, or one that does not fit).
Result<ReadSummary> read_csv_chunks(const std::string& path, const agreement::Collection& collection,
                                    const MappingOptions& options, const std::function<bool(Chunk&&)>& take);
/// Lines go on as they are; the server reads them.
Result<ReadSummary> read_ndjson_chunks(const std::string& path, const std::function<bool(Chunk&&)>& take);

}  // namespace holdfast::cli
