#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "base/result.h"

namespace holdfast::cli {

/// How dates and times are written in a file: "M/D/YYYY", "DD.MM.YYYY" and the like for dates (M and D take one or
/// two digits, MM and DD two), "unix" and "unix-ms" for times.
class TimeFormat {
 public:
  /// invalid "cli.import.format".
  static Result<TimeFormat> parse(std::string_view text);
  /// As a deposit takes it, "1982-03-29" or RFC 3339; nothing when `cell` is not written so, or no such day exists.
  std::optional<std::string> convert(std::string_view cell) const;
  bool is_time() const { return kind_ != Kind::date; }

 private:
  enum class Kind : std::uint8_t { date, seconds, milliseconds } kind_ = Kind::date;
  std::string pattern_;
};

/// Which columns become what.
struct MappingOptions {
  std::vector<std::string> maps;     ///< "field=Column", or "field" when both have one name; none: by name
  std::string subject = "subject";   ///< column of the subject's id
  std::vector<std::string> formats;  ///< "field=M/D/YYYY"
};

/// A digit string that a spreadsheet rounded: "5.54563E+15". What it held is gone.
bool is_spreadsheet_damage(std::string_view cell);

/// Turns a row of a table into one of the table that an import takes, whose columns are fields. Values are checked
/// where they are deposited, and never mended here: what cannot be said without guessing is refused.
class RowMapper {
 public:
  /// Errors: invalid "cli.import.…": columns that are not there, fields that the collection does not have.
  static Result<RowMapper> create(const agreement::Collection& collection, const std::vector<std::string>& header,
                                  const MappingOptions& options);

  /// The first line of what an import takes, and what comes before the rows.
  std::string header() const;
  /// Appends one row. An error leaves `out` as it was; its `where` is the field.
  Result<void> append(std::span<const std::string> cells, std::string& out);

  /// Columns that no field takes.
  const std::vector<std::string>& left_out() const { return left_out_; }
  /// Values of text fields that look like spreadsheet damage, by field; they were passed on as they stood.
  const std::map<std::string, std::uint64_t>& damaged() const { return damaged_; }

 private:
  struct Target {
    std::size_t column = 0;
    std::string name;
    agreement::FieldType type = agreement::FieldType::text;
    std::optional<TimeFormat> format;
    bool required = false;  ///< the subject and the key
  };
  RowMapper() = default;
  Result<void> append_cell(const Target& target, std::string_view cell, std::string& out);

  std::size_t width_ = 0;
  std::vector<Target> targets_;
  std::vector<std::string> left_out_;
  std::map<std::string, std::uint64_t> damaged_;
};

}  // namespace holdfast::cli
