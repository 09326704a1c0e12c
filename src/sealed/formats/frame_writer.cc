#include <set>

#include "disclosure/encoding.h"
#include "disclosure/value.h"
#include "sealed/formats/frame_layout.h"
#include "sealed/formats/records.h"

namespace holdfast::sealed {
namespace {

using agreement::FieldType;

template <class T>
void put_raw(Bytes& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(Bytes& ends, Bytes& data, std::string_view text) {
  data += text;
  put_raw(ends, static_cast<std::uint32_t>(data.size()));
}

bool is_frame_name(std::string_view name) {
  return !name.empty() && name.size() <= kFrameNameBytesMax && is_utf8(name);
}

bool is_sized(FieldType type) {
  return type == FieldType::text || type == FieldType::bytes || type == FieldType::text_list;
}

tl::unexpected<Error> too_large() {
  return fail(Code::exhausted, "sealed.frame.large", "", "the records of one frame come to more than 1 GiB");
}

/// Appends arrays at aligned offsets.
class Placer {
 public:
  explicit Placer(Bytes& out) : out_(out) {}
  std::uint64_t place(const void* data, std::size_t size) {
    const std::uint64_t offset = out_.size();
    out_.append(static_cast<const char*>(data), size);
    out_.resize(layout::padded(out_.size()), '\0');
    return offset;
  }
  std::uint64_t place(ByteView bytes) { return place(bytes.data(), bytes.size()); }
  template <class T>
  void set(std::uint64_t offset, const T& value) {
    std::memcpy(out_.data() + offset, &value, sizeof value);
  }

 private:
  Bytes& out_;
};

}  // namespace

Result<FrameWriter> FrameWriter::create(std::vector<TableShape> tables) {
  const auto bad = [] {
    return fail(Code::invalid, "sealed.frame.shape", "",
                "a frame has 1 to 64 tables of 1 to 1024 columns, with different names of 1 to 64 bytes");
  };
  if (tables.empty() || tables.size() > kFrameTablesMax) return bad();
  FrameWriter out;
  std::set<std::string_view> table_names;
  for (const TableShape& shape : tables) {
    if (!is_frame_name(shape.name) || !table_names.insert(shape.name).second) return bad();
    if (shape.columns.empty() || shape.columns.size() > kFrameColumnsMax) return bad();
    std::set<std::string_view> names;
    for (const ColumnShape& column : shape.columns) {
      if (!is_frame_name(column.name) || !names.insert(column.name).second) return bad();
    }
  }
  for (TableShape& shape : tables) {
    Table table{std::move(shape.name), 0, {}, {}};
    for (ColumnShape& column : shape.columns) {
      table.columns.emplace_back();
      table.columns.back().shape = std::move(column);
    }
    out.tables_.push_back(std::move(table));
  }
  return out;
}

void FrameWriter::begin_subject() {
  ++subjects_;
  for (Table& table : tables_) table.starts.push_back(table.rows);
}

void FrameWriter::put_absent(Column& column) {
  switch (column.shape.type) {
    case FieldType::text:
    case FieldType::bytes:
      put_text(column.values, column.data, {});
      break;
    case FieldType::text_list:
      put_raw(column.values, column.item_count);
      break;
    case FieldType::boolean:
      column.values += '\0';
      break;
    case FieldType::date:
      put_raw(column.values, std::int32_t{0});
      break;
    case FieldType::decimal:
      column.items += '\0';
      [[fallthrough]];
    default:
      put_raw(column.values, std::int64_t{0});
  }
}

bool FrameWriter::put(Column& column, ByteView stored) {
  const auto put_number = [&](const auto& value) {
    if (value) put_raw(column.values, *value);
    return value.has_value();
  };
  switch (column.shape.type) {
    case FieldType::text:
    case FieldType::bytes: {
      const auto value =
          column.shape.type == FieldType::text ? disclosure::text_of(stored) : disclosure::bytes_of(stored);
      if (value) put_text(column.values, column.data, *value);
      return value.has_value();
    }
    case FieldType::integer:
      return put_number(disclosure::integer_of(stored));
    case FieldType::time:
      return put_number(disclosure::time_of(stored));
    case FieldType::duration:
      return put_number(disclosure::duration_ms_of(stored));
    case FieldType::date:
      return put_number(disclosure::days_of(stored));
    case FieldType::boolean: {
      const auto value = disclosure::boolean_of(stored);
      if (value) column.values += static_cast<char>(*value);
      return value.has_value();
    }
    case FieldType::decimal: {
      const auto value = disclosure::decimal_of(stored);
      if (!value) return false;
      put_raw(column.values, value->mantissa);
      column.items += static_cast<char>(value->scale);
      return true;
    }
    case FieldType::text_list: {
      const auto value = disclosure::list_of(stored);
      if (!value) return false;
      for (const std::string_view item : *value) put_text(column.items, column.data, item);
      column.item_count += static_cast<std::uint32_t>(value->size());
      put_raw(column.values, column.item_count);
      return true;
    }
  }
  return false;
}

Result<void> FrameWriter::add(std::size_t table_index, std::span<const ByteView> values) {
  HF_ASSERT(table_index < tables_.size() && subjects_ > 0);
  Table& table = tables_[table_index];
  HF_ASSERT(values.size() == table.columns.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    Column& column = table.columns[i];
    const std::size_t row = table.rows;
    if (row % 64 == 0) column.present.push_back(0);
    if (values[i].empty()) {
      column.gaps = true;
      put_absent(column);
      continue;
    }
    if (column.data.size() + values[i].size() > kFrameBytesMax) return too_large();
    if (!put(column, values[i])) {
      return fail(Code::corrupt, "sealed.frame.stored", table.name + "." + column.shape.name,
                  "a stored value is not of the field's type; it was deposited under another agreement or is damaged");
    }
    column.present[row / 64] |= std::uint64_t{1} << (row % 64);
  }
  ++table.rows;
  return {};
}

std::size_t FrameWriter::size_bytes() const {
  std::size_t size = sizeof(layout::Header);
  for (const Table& table : tables_) {
    size += sizeof(layout::Table) + kFrameNameBytesMax + 4 * table.starts.size() + 16;
    for (const Column& column : table.columns) {
      size += sizeof(layout::Column) + kFrameNameBytesMax + 8 * column.present.size() + column.values.size() +
              column.items.size() + column.data.size() + 40;
    }
  }
  return size;
}

Result<void> FrameWriter::finish(Bytes& out) {
  if (size_bytes() > kFrameBytesMax) return too_large();
  out.clear();
  out.reserve(size_bytes());
  Placer placer(out);
  layout::Header header{{}, 0, subjects_, static_cast<std::uint32_t>(tables_.size()), sizeof(layout::Header)};
  std::memcpy(header.magic, layout::kMagic, sizeof header.magic);
  placer.place(&header, sizeof header);
  out.resize(out.size() + tables_.size() * sizeof(layout::Table), '\0');
  std::uint64_t table_at = header.tables_offset;
  for (Table& table : tables_) {
    layout::Table row{};
    row.name_offset = placer.place(table.name);
    row.name_size = static_cast<std::uint32_t>(table.name.size());
    row.rows = table.rows;
    row.columns = static_cast<std::uint32_t>(table.columns.size());
    table.starts.push_back(table.rows);
    row.starts_offset = placer.place(table.starts.data(), 4 * table.starts.size());
    row.columns_offset = out.size();
    out.resize(out.size() + table.columns.size() * sizeof(layout::Column), '\0');
    std::uint64_t column_at = row.columns_offset;
    for (Column& column : table.columns) {
      const FieldType type = column.shape.type;
      layout::Column cell{};
      cell.name_offset = placer.place(column.shape.name);
      cell.name_size = static_cast<std::uint32_t>(column.shape.name.size());
      cell.type = static_cast<std::uint32_t>(disclosure::code_of(type));
      if (column.gaps) cell.present_offset = placer.place(column.present.data(), 8 * column.present.size());
      // Starts, of which the first is 0, are kept as ends until here.
      if (is_sized(type)) column.values.insert(0, 4, '\0');
      if (type == FieldType::text_list) column.items.insert(0, 4, '\0');
      cell.values_offset = placer.place(column.values);
      cell.items_offset = placer.place(column.items);
      cell.data_offset = placer.place(column.data);
      cell.items = column.item_count;
      cell.data_size = static_cast<std::uint32_t>(column.data.size());
      placer.set(column_at, cell);
      column_at += sizeof cell;
      column.present.clear(), column.values.clear(), column.items.clear(), column.data.clear();
      column.gaps = false;
      column.item_count = 0;
    }
    placer.set(table_at, row);
    table_at += sizeof row;
    table.rows = 0;
    table.starts.clear();
  }
  header.size_bytes = out.size();
  placer.set(0, header);
  subjects_ = 0;
  return {};
}

}  // namespace holdfast::sealed
