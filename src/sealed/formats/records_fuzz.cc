#include <cstddef>
#include <cstdint>

#include "disclosure/encoding.h"
#include "sealed/formats/records.h"

namespace {

using namespace holdfast;
using namespace holdfast::sealed;
using agreement::FieldType;

/// The value as it would be stored.
Bytes stored(const ColumnView& column, std::size_t row) {
  Bytes out(1, disclosure::code_of(column.type()));
  switch (column.type()) {
    case FieldType::text:
    case FieldType::bytes:
      out += column.bytes(row);
      break;
    case FieldType::boolean:
      out += static_cast<char>(column.number(row));
      break;
    case FieldType::text_list:
      for (std::size_t i = 0; i < column.list_size(row); ++i) put_sized(out, column.list_item(row, i));
      break;
    case FieldType::decimal:
      out += static_cast<char>(column.scale(row));
      [[fallthrough]];
    default:
      put_varint(out, disclosure::zigzag(column.number(row)));
  }
  return out;
}

}  // namespace

/// Whatever reads can be written as JSON, and the writer makes the same bytes of the same content.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView in(reinterpret_cast<const char*>(data), size);
  const auto frame = read_frame(in);
  if (!frame) return 0;
  std::string json;
  append_json(json, *frame);
  std::vector<TableShape> shapes;
  for (const TableView& table : frame->tables) {
    shapes.push_back({std::string(table.name), {}});
    for (const ColumnView& column : table.columns) {
      shapes.back().columns.push_back({std::string(column.name()), column.type()});
    }
    if (table.columns.empty() && table.rows > 4096) return 0;  // rows of nothing: many for few bytes
  }
  auto writer = FrameWriter::create(std::move(shapes));
  HF_ASSERT(writer);
  for (std::size_t subject = 0; subject < frame->subjects; ++subject) {
    writer->begin_subject();
    for (std::size_t t = 0; t < frame->tables.size(); ++t) {
      const TableView& table = frame->tables[t];
      for (std::size_t row = table.first_row(subject); row < table.first_row(subject + 1); ++row) {
        std::vector<Bytes> values;
        for (const ColumnView& column : table.columns) {
          values.push_back(column.present(row) ? stored(column, row) : Bytes());
        }
        HF_ASSERT(writer->add(t, std::vector<ByteView>(values.begin(), values.end())));
      }
    }
  }
  Bytes again;
  HF_ASSERT(writer->finish(again) && again == in);
  return 0;
}
