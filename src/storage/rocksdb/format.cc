#include "storage/rocksdb/format.h"

#include <charconv>
#include <filesystem>

#include "base/file.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kPrefix = "holdfast store ";
constexpr std::size_t kBytesMax = 64;

std::string path_of(const std::string& directory) { return directory + "/" + kFormatFile; }

Result<void> write_format(const std::string& directory) {
  return write_file(path_of(directory), std::string(kPrefix) + std::to_string(kStoreFormat) + "\n", 0600);
}

}  // namespace

Result<void> check_format(const std::string& directory) {
  const auto text = read_file(path_of(directory), kBytesMax);
  std::error_code unknown;
  const bool is_new = !std::filesystem::exists(directory + "/CURRENT", unknown) && !unknown;
  if (!text && text.error().code == Code::not_found && is_new) return write_format(directory);
  if (!text && text.error().code == Code::unavailable) return tl::unexpected<Error>(text.error());
  unsigned format = 0;
  const bool ours = text && text->starts_with(kPrefix) && text->ends_with('\n');
  const char* const begin = ours ? text->data() + kPrefix.size() : nullptr;
  const char* const end = ours ? text->data() + text->size() - 1 : nullptr;
  const auto [at, wrong] = std::from_chars(begin, end, format);
  if (!ours || at != end || wrong != std::errc()) {
    return fail(Code::corrupt, "storage.format", path_of(directory),
                "this file does not say the store's format; restore it from a backup");
  }
  if (format == kStoreFormat) return {};
  return fail(Code::unsupported, "storage.format", directory,
              "this store is of format " + std::to_string(format) + ", and this version reads and writes format " +
                  std::to_string(kStoreFormat) + " only; run the version of holdfast that wrote it, or a later one " +
                  "that migrates it. Nothing was changed");
}

}  // namespace holdfast::storage
