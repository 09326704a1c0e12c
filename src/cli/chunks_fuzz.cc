#include <boost/json/parse.hpp>
#include <cstdint>

#include "cli/chunks.h"
#include "fuzz/memory_file.h"

namespace {

using namespace holdfast;

agreement::Collection collection() {
  using agreement::FieldType;
  agreement::Collection out;
  out.name = "all";
  out.key = "event";
  const std::pair<const char*, FieldType> fields[] = {
      {"t", FieldType::text},       {"i", FieldType::integer}, {"d", FieldType::decimal},
      {"b", FieldType::boolean},    {"day", FieldType::date},  {"at", FieldType::time},
      {"for", FieldType::duration}, {"raw", FieldType::bytes}, {"list", FieldType::text_list}};
  std::uint32_t tag = 0;
  for (const auto& [name, type] : fields) out.fields.push_back({name, type, "user.contact", ++tag});
  return out;
}

/// Every line handed on is one JSON object, and has its row; rows only grow.
void check(const cli::Chunk& chunk, bool mapped) {
  std::size_t lines = 0;
  std::string_view rest = chunk.ndjson;
  for (; !rest.empty(); ++lines) {
    const std::size_t end = rest.find('\n');
    HF_ASSERT(end != std::string_view::npos);
    if (mapped) {
      boost::json::error_code error;
      const auto value = boost::json::parse(boost::json::string_view(rest.data(), end), error);
      HF_ASSERT(error ? !is_utf8(rest.substr(0, end)) : value.is_object());
    }
    rest.remove_prefix(end + 1);
  }
  HF_ASSERT(lines == chunk.rows.size());
  for (std::size_t i = 1; i < chunk.rows.size(); ++i) HF_ASSERT(chunk.rows[i - 1] < chunk.rows[i]);
}

}  // namespace

/// A file to import: first line the mapping ("field=Column;field=format" as of the options), then the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kCollection = collection();
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
    check(chunk, true);
    return true;
  }).has_value();
  (void)cli::read_ndjson_chunks(file.path(), [](cli::Chunk&& chunk) {
    check(chunk, false);
    return true;
  }).has_value();
  return 0;
}
