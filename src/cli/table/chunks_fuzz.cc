#include <csv.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cli/table/chunks.h"
#include "fuzz/all_types.h"
#include "fuzz/memory_file.h"

namespace {

using namespace holdfast;

struct Table {
  std::vector<std::size_t> widths;
  std::size_t cells = 0;
};

/// What is handed on is a table again, each row as wide as its header, in UTF-8; or lines. Each row has its place in
/// the file, and those only grow.
void check(const cli::Chunk& chunk) {
  std::size_t rows = 0;
  if (chunk.format == cli::Chunk::Format::csv) {
    HF_ASSERT(is_utf8(chunk.body));
    Table table;
    csv_parser parser{};
    HF_ASSERT(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    const auto cell = [](void*, std::size_t, void* to) { ++static_cast<Table*>(to)->cells; };
    const auto end = [](int, void* to) {
      auto& into = *static_cast<Table*>(to);
      into.widths.push_back(std::exchange(into.cells, 0));
    };
    HF_ASSERT(csv_parse(&parser, chunk.body.data(), chunk.body.size(), cell, end, &table) == chunk.body.size());
    HF_ASSERT(csv_fini(&parser, cell, end, &table) == 0);
    csv_free(&parser);
    for (const std::size_t width : table.widths) HF_ASSERT(width == table.widths.front());
    rows = table.widths.empty() ? 0 : table.widths.size() - 1;
  } else {
    rows = static_cast<std::size_t>(std::count(chunk.body.begin(), chunk.body.end(), '\n'));
  }
  HF_ASSERT(rows == chunk.rows.size());
  for (std::size_t i = 1; i < chunk.rows.size(); ++i) HF_ASSERT(chunk.rows[i - 1] < chunk.rows[i]);
}

}  // namespace

/// A file to import: first line the mapping ("field=Column;field=format" as of the options), then the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kCollection = collection_of_all_types();
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const std::size_t end = in.find('\n');
  if (end == std::string_view::npos) return 0;
  cli::MappingOptions options;
  std::string_view first = in.substr(0, end);
  for (bool format = false; !first.empty(); format = !format) {
    const std::size_t stop = std::min(first.find(';'), first.size());
    (format ? options.formats : options.maps).emplace_back(first.substr(0, stop));
    first.remove_prefix(std::min(stop + 1, first.size()));
  }
  const MemoryFile file(in.substr(end + 1));
  (void)cli::read_csv_chunks(file.path(), kCollection, options, [](cli::Chunk&& chunk) {
    check(chunk);
    return true;
  }).has_value();
  (void)cli::read_ndjson_chunks(file.path(), [](cli::Chunk&& chunk) {
    check(chunk);
    return true;
  }).has_value();
  return 0;
}
