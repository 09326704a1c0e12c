#include "storage/rocksdb/tables.h"

#include <rocksdb/sst_file_reader.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/bytes.h"
#include "base/file.h"
#include "storage/disk.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kManifestBytesMax = 1u << 30;

/// In order.
std::set<fs::path> tables_in(const std::string& directory) {
  std::set<fs::path> out;
  std::error_code failed;
  for (fs::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() == ".sst") out.insert(it->path());
  }
  return out;
}

/// The engine takes a table's properties before it looks at their sum, and one that is built with assertions, as
/// Debian's is, ends the process when the top bit of that block's last number is set. The block lies before the one
/// that the footer names first: github.com/facebook/rocksdb/wiki/Rocksdb-BlockBasedTable-Format.
bool would_end_the_engine(const fs::path& table) {
  constexpr std::size_t kFooter = 53, kTrailer = 5;
  std::ifstream file(table, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (size < static_cast<std::streamoff>(kFooter)) return false;
  std::array<char, kFooter> footer{};
  file.seekg(size - static_cast<std::streamoff>(kFooter)).read(footer.data(), footer.size());
  ByteReader in(ByteView(footer.data(), footer.size()).substr(1));  // behind the kind of sums
  const std::uint64_t metaindex = in.varint();
  if (!in.ok() || metaindex <= kTrailer || metaindex >= static_cast<std::uint64_t>(size)) return false;
  const int last = file.seekg(static_cast<std::streamoff>(metaindex - kTrailer - 1)).get();
  return file.good() && (last & 0x80) != 0;
}

/// Did the manifest ever take the table in? Looks for how its record begins: 103, level, number, bytes
/// (rocksdb/db/version_edit.cc).
bool is_taken_in(const fs::path& table, ByteView manifest) {
  constexpr std::uint64_t kNewFile = 103, kLevels = 7;
  std::error_code failed;
  const auto bytes = fs::file_size(table, failed);
  const std::string name = table.stem();
  std::uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  for (std::uint64_t level = 0; level < kLevels && !failed; ++level) {
    Bytes record;
    for (const std::uint64_t value : {kNewFile, level, number, bytes}) put_varint(record, value);
    if (manifest.find(record) != manifest.npos) return true;
  }
  return false;
}

}  // namespace

Result<void> require_openable_tables(const std::string& directory, const std::string& manifest) {
  for (const fs::path& table : tables_in(directory)) {
    if (!would_end_the_engine(table)) continue;
    HF_TRY(const Bytes taken_in, read_file(directory + "/" + manifest, kManifestBytesMax));
    if (is_taken_in(table, taken_in)) return tl::unexpected<Error>(damage(table));
  }
  return {};
}

std::optional<std::string> damaged_table(const std::string& directory) {
  for (const fs::path& table : tables_in(directory)) {
    if (rocksdb::SstFileReader(rocksdb::Options()).Open(table).IsCorruption()) return table;
  }
  return std::nullopt;
}

}  // namespace holdfast::storage
