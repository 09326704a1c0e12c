#include <charconv>

#include "base/json.h"
#include "disclosure/value.h"
#include "sealed/formats/records.h"

namespace holdfast::sealed {
namespace {

using agreement::FieldType;

void append_number(std::string& out, std::int64_t value) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

void append_seconds(std::string& out, std::int64_t ms) {
  append_number(out, ms / 1000);
  if (ms % 1000 == 0) return;
  const std::string digits = std::to_string(1000 + ms % 1000);
  out.append(1, '.').append(digits, 1, digits.find_last_not_of('0'));
}

void append_value(std::string& out, const ColumnView& column, std::size_t row) {
  const auto quoted = [&out](const std::string& plain) { out.append(1, '"').append(plain).append(1, '"'); };
  switch (column.type()) {
    case FieldType::text:
      return append_json_string(out, column.bytes(row));
    case FieldType::bytes:
      return quoted(to_base64(column.bytes(row)));
    case FieldType::integer:
      return append_number(out, column.number(row));
    case FieldType::boolean:
      out += column.number(row) == 1 ? "true" : "false";
      return;
    case FieldType::date:
      return quoted(date_from_days(static_cast<std::int32_t>(column.number(row))));
    case FieldType::time:
      return quoted(to_rfc3339(column.number(row)));
    case FieldType::duration:
      return append_seconds(out, column.number(row));
    case FieldType::decimal:
      return quoted(disclosure::Decimal{column.number(row), column.scale(row)}.text());
    case FieldType::text_list:
      out += '[';
      for (std::size_t i = 0; i < column.list_size(row); ++i) {
        if (i > 0) out += ',';
        append_json_string(out, column.list_item(row, i));
      }
      out += ']';
  }
}

}  // namespace

void append_json(std::string& out, const FrameView& frame) {
  out += '{';
  for (const TableView& table : frame.tables) {
    if (&table != &frame.tables.front()) out += ',';
    append_json_string(out, table.name);
    out += ":[";
    for (std::size_t row = 0; row < table.rows; ++row) {
      out += row == 0 ? "{" : ",{";
      bool first = true;
      for (const ColumnView& column : table.columns) {
        if (!column.present(row)) continue;
        if (!first) out += ',';
        first = false;
        append_json_string(out, column.name());
        out += ':';
        append_value(out, column, row);
      }
      out += '}';
    }
    out += ']';
  }
  out += '}';
}

}  // namespace holdfast::sealed
