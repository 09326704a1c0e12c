// Bytes from a depositor, as NDJSON and as CSV: any of them, cut anywhere.
#include <cstddef>
#include <cstdint>

#include "fuzz/all_types.h"
#include "trustee/rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using holdfast::trustee::RowReader;
  static const auto kCollection = collection_of_all_types();
  if (size < 2) return 0;
  const std::size_t cut = 1 + data[0] % 64;
  const bool csv = (data[1] & 1) != 0;
  std::string_view in(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::uint64_t rows = 0;
  const auto on_row = [&](holdfast::trustee::IncomingRow&& row) { rows += row.record.values.size(); };
  const auto on_problem = [&](std::uint64_t, const holdfast::Error& error) { rows += error.what.size(); };
  const auto reader =
      csv ? RowReader::csv(kCollection, on_row, on_problem) : RowReader::ndjson(kCollection, on_row, on_problem);
  while (!in.empty()) {
    if (!reader->feed(in.substr(0, cut))) return 0;
    in.remove_prefix(std::min(cut, in.size()));
  }
  (void)reader->finish().has_value();
  return 0;
}
