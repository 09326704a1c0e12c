#include "cli/table/mapping.h"

#include <csv.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/near.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;
using agreement::FieldType;

constexpr std::int64_t kUnixSecondsMax = 253'402'300'799;  ///< the end of the year 9999

std::size_t run_of(std::string_view text, char c) {
  const std::size_t end = text.find_first_not_of(c);
  return end == std::string_view::npos ? text.size() : end;
}

/// Takes up to `most` digits off the front, at least `least`; -1 otherwise.
int take_digits(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t count = 0;
  int value = 0;
  while (count < most && count < text.size() && text[count] >= '0' && text[count] <= '9') {
    value = value * 10 + (text[count++] - '0');
  }
  if (count < least) return -1;
  text.remove_prefix(count);
  return value;
}

std::optional<std::string> convert_date(std::string_view pattern, std::string_view cell) {
  int year = 0, month = 0, day = 0;
  while (!pattern.empty()) {
    const char c = pattern.front();
    const std::size_t run = c == 'Y' || c == 'M' || c == 'D' ? run_of(pattern, c) : 1;
    pattern.remove_prefix(run);
    if (c == 'Y') {
      year = take_digits(cell, 4, 4);
    } else if (c == 'M' || c == 'D') {
      (c == 'M' ? month : day) = take_digits(cell, run, 2);
    } else if (cell.starts_with(c)) {
      cell.remove_prefix(1);
    } else {
      return std::nullopt;
    }
    if (year < 0 || month < 0 || day < 0) return std::nullopt;
  }
  if (!cell.empty()) return std::nullopt;
  std::string date = fmt::format("{:04}-{:02}-{:02}", year, month, day);
  if (!days_from_date(date)) return std::nullopt;
  return date;
}

std::pair<std::string, std::string> split_pair(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return {text, text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Result<std::size_t> find_column(const std::vector<std::string>& header, const std::string& column) {
  const auto found = std::find(header.begin(), header.end(), column);
  if (found == header.end()) {
    const std::vector<std::string_view> views(header.begin(), header.end());
    return fail(
        Code::invalid, "cli.import.column", column,
        fmt::format("the file has no such column{}; it has {}", did_you_mean(column, views), fmt::join(header, ", ")));
  }
  if (std::find(found + 1, header.end(), column) != header.end()) {
    return fail(Code::invalid, "cli.import.column", column, "two columns have this name; rename one in the file");
  }
  return static_cast<std::size_t>(found - header.begin());
}

Result<const agreement::Field*> find_field(const agreement::Collection& collection, const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& field : collection.fields) {
    if (field.name == name) return &field;
    names.push_back(field.name);
  }
  return fail(Code::invalid, "cli.import.field", name,
              fmt::format("collection {} has no such field{}; it has {}", collection.name, did_you_mean(name, names),
                          fmt::join(names, ", ")));
}

bool is_reserved(const agreement::Collection& collection, const std::string& name) {
  return name == "subject" || (collection.key && name == *collection.key);
}

/// Field and column, as --map says or, without it, by their names.
Result<std::vector<std::pair<std::string, std::string>>> pairs_of(const agreement::Collection& collection,
                                                                  const std::vector<std::string>& header,
                                                                  const MappingOptions& options) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& map : options.maps) pairs.push_back(split_pair(map));
  if (!pairs.empty()) return pairs;
  for (const std::string& column : header) {
    if (column == options.subject || is_reserved(collection, column)) continue;
    if (auto found = find_field(collection, column); !found) {
      Error error = std::move(found).error();
      error.what += "; --map FIELD=COLUMN says which columns to take";
      return tl::unexpected(std::move(error));
    }
    pairs.emplace_back(column, column);
  }
  return pairs;
}

/// As RFC 4180 has it. Spaces are quoted too: some parsers take those around a cell for nothing.
void append_text(std::string& out, std::string_view cell) {
  const auto plain = [](char c) { return c != ',' && c != '"' && c != '\r' && c != '\n' && c != ' ' && c != '\t'; };
  if (std::all_of(cell.begin(), cell.end(), plain)) {
    out += cell;
    return;
  }
  const std::size_t start = out.size(), most = 2 * cell.size() + 2;
  out.resize(start + most);
  out.resize(start + csv_write2(out.data() + start, most, cell.data(), cell.size(), '"'));
}

}  // namespace

Result<TimeFormat> TimeFormat::parse(std::string_view text) {
  TimeFormat format;
  if (text == "unix" || text == "unix-ms") {
    format.kind_ = text == "unix" ? Kind::seconds : Kind::milliseconds;
    return format;
  }
  const auto count = [&](char c) { return std::count(text.begin(), text.end(), c); };
  const bool parts = count('Y') == 4 && text.find("YYYY") != std::string_view::npos && count('M') >= 1 &&
                     count('M') <= 2 && count('D') >= 1 && count('D') <= 2;
  const bool plain = text.find_first_not_of("YMD/.- ") == std::string_view::npos;
  if (!parts || !plain) {
    return fail(Code::invalid, "cli.import.format", std::string(text),
                "write a date's format with YYYY, M or MM, D or DD and / . - or a space between, as M/D/YYYY; a "
                "time's as unix or unix-ms");
  }
  format.pattern_ = text;
  return format;
}

std::optional<std::string> TimeFormat::convert(std::string_view cell) const {
  if (kind_ == Kind::date) return convert_date(pattern_, cell);
  std::int64_t number = 0;
  const auto [end, wrong] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  const std::int64_t scale = kind_ == Kind::seconds ? 1 : 1000;
  if (wrong != std::errc() || end != cell.data() + cell.size() || number < 0 || number / scale > kUnixSecondsMax) {
    return std::nullopt;
  }
  return to_rfc3339(kind_ == Kind::seconds ? number * 1000 : number);
}

bool is_spreadsheet_damage(std::string_view cell) {
  const std::size_t e = cell.find("E+");
  if (e == std::string_view::npos || e == 0 || cell.size() < e + 4) return false;
  const std::string_view mantissa = cell.substr(0, e), exponent = cell.substr(e + 2);
  return mantissa.find_first_not_of("0123456789.,") == std::string_view::npos &&
         exponent.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<RowMapper> RowMapper::create(const agreement::Collection& collection, const std::vector<std::string>& header,
                                    const MappingOptions& options) {
  RowMapper mapper;
  mapper.width_ = header.size();
  auto subject = find_column(header, options.subject);
  if (!subject) {
    subject.error().what += "; --subject names the column of the subject's id";
    return tl::unexpected(std::move(subject).error());
  }
  mapper.targets_.push_back({*subject, "subject", FieldType::text, std::nullopt, true});
  HF_TRY(const auto pairs, pairs_of(collection, header, options));
  std::string key_column = collection.key.value_or("");
  for (const auto& [name, column] : pairs) {
    if (collection.key && name == *collection.key) {
      key_column = column;
      continue;
    }
    HF_TRY(const agreement::Field* field, find_field(collection, name));
    HF_TRY(const std::size_t at, find_column(header, column));
    const auto same = [&wanted = name](const Target& each) { return each.name == wanted; };
    if (std::any_of(mapper.targets_.begin(), mapper.targets_.end(), same)) {
      return fail(Code::invalid, "cli.import.field", name, "two columns are to become this field; take one");
    }
    mapper.targets_.push_back({at, name, field->type, std::nullopt, false});
  }
  if (collection.key) {
    HF_TRY(const std::size_t at, find_column(header, key_column));
    mapper.targets_.push_back({at, *collection.key, FieldType::text, std::nullopt, true});
  }
  for (const std::string& given : options.formats) {
    const auto [name, text] = split_pair(given);
    HF_TRY(TimeFormat format, TimeFormat::parse(text));
    const auto target = std::find_if(mapper.targets_.begin(), mapper.targets_.end(),
                                     [&, &wanted = name](const Target& each) { return each.name == wanted; });
    const bool fits =
        target != mapper.targets_.end() && target->type == (format.is_time() ? FieldType::time : FieldType::date);
    if (!fits) {
      return fail(Code::invalid, "cli.import.format", given,
                  fmt::format("this format is for a {} field that is imported", format.is_time() ? "time" : "date"));
    }
    target->format = std::move(format);
  }
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool taken = std::any_of(mapper.targets_.begin(), mapper.targets_.end(),
                                   [i](const Target& target) { return target.column == i; });
    if (!taken) mapper.left_out_.push_back(header[i]);
  }
  return mapper;
}

std::string RowMapper::header() const {
  std::string out;
  for (const Target& target : targets_) {
    if (!out.empty()) out.push_back(',');
    append_text(out, target.name);
  }
  return out + "\n";
}

Result<void> RowMapper::append(std::span<const std::string> cells, std::string& out) {
  if (cells.size() != width_) {
    return fail(Code::invalid, "cli.import.width", "",
                fmt::format("the row has {} cells and the header {}; is a quote or a separator missing?", cells.size(),
                            width_));
  }
  const std::size_t start = out.size();
  for (const Target& target : targets_) {
    if (out.size() != start) out.push_back(',');  // the first is the subject, which is never empty
    const std::string& cell = cells[target.column];
    if (cell.empty() && !target.required) continue;
    if (auto appended = append_cell(target, cell, out); !appended) {
      out.resize(start);
      return appended;
    }
  }
  out.push_back('\n');
  return {};
}

Result<void> RowMapper::append_cell(const Target& target, std::string_view cell, std::string& out) {
  const auto wrong = [&](std::string_view slug, std::string what) {
    return fail(Code::invalid, slug, target.name, std::move(what));
  };
  if (cell.empty()) return wrong("cli.import.empty", "the cell is empty, and this cannot be left out");
  if (!is_utf8(cell)) return wrong("cli.import.encoding", "the cell is not UTF-8; save the file as UTF-8");
  if (target.format) {
    const auto converted = target.format->convert(cell);
    if (!converted)
      return wrong("cli.import.format", "the cell is not written in the format given, or no such day exists");
    append_text(out, *converted);
    return {};
  }
  switch (target.type) {
    case FieldType::boolean: {
      const bool yes = cell == "true" || cell == "TRUE" || cell == "1";
      if (!yes && cell != "false" && cell != "FALSE" && cell != "0") {
        return wrong("cli.import.boolean", "expected true, TRUE, 1, false, FALSE or 0");
      }
      out += yes ? "true" : "false";
      return {};
    }
    case FieldType::text_list: {
      boost::system::error_code error;
      const json::value list = json::parse(cell, error);
      if (error || !list.is_array()) return wrong("cli.import.list", "expected a JSON array of strings in the cell");
      append_text(out, json::serialize(list));
      return {};
    }
    case FieldType::text:
      if (is_spreadsheet_damage(cell)) ++damaged_[target.name];
      break;
    default:
      break;
  }
  append_text(out, cell);
  return {};
}

}  // namespace holdfast::cli
