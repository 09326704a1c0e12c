#include <bit>
#include <optional>
#include <set>

#include "disclosure/encoding.h"
#include "sealed/formats/frame_layout.h"
#include "sealed/formats/records.h"

namespace holdfast::sealed {

using agreement::FieldType;
using layout::load;

namespace {

std::optional<FieldType> type_of(std::uint32_t code) {
  for (int i = 0; i <= static_cast<int>(FieldType::text_list); ++i) {
    const auto type = static_cast<FieldType>(i);
    if (code == static_cast<std::uint32_t>(disclosure::code_of(type))) return type;
  }
  return std::nullopt;
}

/// As a text is deposited: UTF-8 without control characters (C0, DEL, C1) but tab and LF.
bool is_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f) return false;
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return is_utf8(text);
}

std::size_t width_of(FieldType type) {
  switch (type) {
    case FieldType::boolean:
      return 1;
    case FieldType::date:
    case FieldType::text:
    case FieldType::bytes:
    case FieldType::text_list:
      return 4;
    default:
      return 8;
  }
}

bool in_bounds(FieldType type, std::int64_t value) {
  switch (type) {
    case FieldType::boolean:
      return value == 0 || value == 1;
    case FieldType::date:
      return value >= disclosure::kDaysMin && value <= disclosure::kDaysMax;
    case FieldType::time:
      return value >= disclosure::kTimeMin && value <= disclosure::kTimeMax;
    case FieldType::duration:
      return value >= 0 && value <= disclosure::kDurationMsMax;
    default:
      return true;
  }
}

}  // namespace

bool ColumnView::present(std::size_t row) const {
  return !present_ || (load<std::uint64_t>(present_ + row / 64 * 8) >> (row % 64) & 1);
}

std::int64_t ColumnView::number(std::size_t row) const {
  switch (type_) {
    case FieldType::boolean:
      return static_cast<unsigned char>(values_[row]);
    case FieldType::date:
      return load<std::int32_t>(values_ + 4 * row);
    default:
      return load<std::int64_t>(values_ + 8 * row);
  }
}

int ColumnView::scale(std::size_t row) const { return static_cast<unsigned char>(items_[row]); }

std::string_view ColumnView::bytes(std::size_t row) const {
  const auto from = load<std::uint32_t>(values_ + 4 * row), to = load<std::uint32_t>(values_ + 4 * row + 4);
  return {data_ + from, to - from};
}

std::size_t ColumnView::list_size(std::size_t row) const {
  return load<std::uint32_t>(values_ + 4 * row + 4) - load<std::uint32_t>(values_ + 4 * row);
}

std::string_view ColumnView::list_item(std::size_t row, std::size_t index) const {
  const char* at = items_ + 4 * (load<std::uint32_t>(values_ + 4 * row) + index);
  const auto from = load<std::uint32_t>(at), to = load<std::uint32_t>(at + 4);
  return {data_ + from, to - from};
}

std::size_t TableView::first_row(std::size_t subject) const { return load<std::uint32_t>(starts + 4 * subject); }

/// Walks the frame once, in the one order that its parts may have, and takes nothing that it has not seen.
class FrameReader {
 public:
  explicit FrameReader(ByteView frame) : in_(frame) {}

  std::optional<FrameView> read() {
    if (in_.size() < sizeof(layout::Header) || in_.size() > kFrameBytesMax || in_.size() % 8 != 0) return {};
    const auto header = load<layout::Header>(in_.data());
    if (std::memcmp(header.magic, layout::kMagic, sizeof header.magic) != 0) return {};
    if (header.size_bytes != in_.size() || header.tables > kFrameTablesMax || header.tables == 0) return {};
    at_ = sizeof header;
    const char* tables = array(header.tables_offset, header.tables * sizeof(layout::Table));
    if (!tables) return {};
    FrameView out;
    out.subjects = header.subjects;
    std::set<std::string_view> names;
    for (std::uint32_t i = 0; i < header.tables; ++i) {
      where_ = "table " + std::to_string(i + 1);
      out.tables.emplace_back();
      if (!read_table(load<layout::Table>(tables + i * sizeof(layout::Table)), header.subjects, out.tables.back())) {
        return {};
      }
      if (!names.insert(out.tables.back().name).second) return {};
    }
    where_.clear();
    if (at_ != in_.size()) return {};
    return out;
  }
  const std::string& where() const { return where_; }

 private:
  /// The next array, if it lies exactly where it must; null otherwise.
  const char* array(std::uint64_t offset, std::uint64_t size) {
    if (offset != at_ || size > in_.size() - at_) return nullptr;
    const std::size_t end = at_ + static_cast<std::size_t>(size), next = layout::padded(end);
    if (next > in_.size()) return nullptr;
    for (std::size_t i = end; i < next; ++i) {
      if (in_[i] != '\0') return nullptr;
    }
    at_ = next;
    return in_.data() + offset;
  }

  std::optional<std::string_view> name(std::uint64_t offset, std::uint32_t size) {
    if (size == 0 || size > kFrameNameBytesMax) return std::nullopt;
    const char* text = array(offset, size);
    if (!text || !is_text({text, size})) return std::nullopt;
    return std::string_view(text, size);
  }

  /// `count` + 1 positions: from 0, never descending, to `last`.
  static bool are_starts(const char* starts, std::size_t count, std::uint32_t last) {
    std::uint32_t before = 0;
    if (load<std::uint32_t>(starts) != 0) return false;
    for (std::size_t i = 1; i <= count; ++i) {
      const auto next = load<std::uint32_t>(starts + 4 * i);
      if (next < before) return false;
      before = next;
    }
    return before == last;
  }

  bool read_table(const layout::Table& table, std::uint32_t subjects, TableView& out) {
    const auto text = name(table.name_offset, table.name_size);
    // A row takes up bytes only in its columns; without any, a few bytes could claim four thousand million rows.
    if (!text || table.columns == 0 || table.columns > kFrameColumnsMax || table.zero != 0) return false;
    out.name = *text;
    where_ = std::string(*text);
    out.rows = table.rows;
    out.starts = array(table.starts_offset, 4 * (std::uint64_t{subjects} + 1));
    if (!out.starts || !are_starts(out.starts, subjects, table.rows)) return false;
    const char* columns = array(table.columns_offset, table.columns * sizeof(layout::Column));
    if (!columns) return false;
    std::set<std::string_view> names;
    for (std::uint32_t i = 0; i < table.columns; ++i) {
      where_ = std::string(*text) + ", column " + std::to_string(i + 1);
      out.columns.emplace_back();
      if (!read_column(load<layout::Column>(columns + i * sizeof(layout::Column)), table.rows, out.columns.back()) ||
          !names.insert(out.columns.back().name_).second) {
        return false;
      }
    }
    return true;
  }

  bool read_column(const layout::Column& column, std::uint32_t rows, ColumnView& out) {
    const auto text = name(column.name_offset, column.name_size);
    const auto type = type_of(column.type);
    if (!text || !type) return false;
    out.name_ = *text;
    out.type_ = *type;
    if (column.present_offset != 0) {
      out.present_ = array(column.present_offset, (std::uint64_t{rows} + 63) / 64 * 8);
      if (!out.present_ || !is_bitmap_with_gaps(out.present_, rows)) return false;
    }
    const bool list = *type == FieldType::text_list;
    const bool sized = list || *type == FieldType::text || *type == FieldType::bytes;
    const std::uint64_t items_size = list                          ? 4 * (std::uint64_t{column.items} + 1)
                                     : *type == FieldType::decimal ? rows
                                                                   : 0;
    if ((!list && column.items != 0) || (!sized && column.data_size != 0)) return false;
    out.values_ = array(column.values_offset, (std::uint64_t{rows} + (sized ? 1 : 0)) * width_of(*type));
    out.items_ = out.values_ ? array(column.items_offset, items_size) : nullptr;
    out.data_ = out.items_ ? array(column.data_offset, column.data_size) : nullptr;
    if (!out.data_) return false;
    if (list) {
      if (!are_starts(out.items_, column.items, column.data_size)) return false;
      if (!are_starts(out.values_, rows, column.items)) return false;
    } else if (sized && !are_starts(out.values_, rows, column.data_size)) {
      return false;
    }
    for (std::uint32_t row = 0; row < rows; ++row) {
      if (!read_value(out, row)) return false;
    }
    return true;
  }

  static bool is_bitmap_with_gaps(const char* bits, std::uint32_t rows) {
    std::uint64_t set = 0;
    for (std::uint32_t word = 0; word < (std::uint64_t{rows} + 63) / 64; ++word) {
      set += static_cast<std::uint64_t>(std::popcount(load<std::uint64_t>(bits + 8 * std::size_t{word})));
    }
    if (rows % 64 != 0 && load<std::uint64_t>(bits + rows / 64 * 8) >> (rows % 64) != 0) return false;
    return set < rows;  // with no gap there is no bitmap
  }

  static bool read_value(const ColumnView& column, std::size_t row) {
    const bool there = column.present(row);
    switch (column.type_) {
      case FieldType::text:
        return there ? is_text(column.bytes(row)) : column.bytes(row).empty();
      case FieldType::bytes:
        return there || column.bytes(row).empty();
      case FieldType::text_list: {
        const std::size_t count = column.list_size(row);
        if (!there || count > disclosure::kListItemsMax) return count == 0;
        for (std::size_t i = 0; i < count; ++i) {
          if (!is_text(column.list_item(row, i))) return false;
        }
        return true;
      }
      case FieldType::decimal:
        if (column.scale(row) > disclosure::kDecimalScaleMax) return false;
        return there || (column.number(row) == 0 && column.scale(row) == 0);
      default:
        return there ? in_bounds(column.type_, column.number(row)) : column.number(row) == 0;
    }
  }

  ByteView in_;
  std::size_t at_ = 0;
  std::string where_;
};

Result<FrameView> read_frame(ByteView frame) {
  FrameReader reader(frame);
  if (auto out = reader.read()) return std::move(*out);
  return fail(Code::invalid, "sealed.frame.malformed", reader.where(),
              "the bytes are no frame of records as docs/sealed-modules.md describes it");
}

}  // namespace holdfast::sealed
