#include "storage/file_list.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <mutex>
#include <sstream>

#include "base/file.h"
#include "storage/disk.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kSumLine = 17;
constexpr std::size_t kBytesMax = 1u << 20;  // thousands of names, where there are a handful

/// An engine makes and deletes files on threads of its own.
std::mutex change_mutex;

/// The last line, by those before.
std::string sum_of(std::string_view lines) { return fmt::format("{:016x}\n", XXH3_64bits(lines.data(), lines.size())); }

}  // namespace

Result<FileList> read_list(const std::string& path) {
  HF_TRY(const std::string text, read_file(path, kBytesMax));
  const std::size_t end = text.size() - std::min(text.size(), kSumLine);
  if (text.substr(end) != sum_of(text.substr(0, end))) return tl::unexpected<Error>(damage(path));
  FileList out;
  std::istringstream fields(text.substr(0, end));
  std::uint64_t number = 0;
  for (std::string name; fields >> name >> number;) out.emplace(name, number);
  return out;
}

Result<void> write_list(const std::string& path, const FileList& list) {
  std::string text;
  for (const auto& [name, number] : list) text += name + " " + std::to_string(number) + "\n";
  return write_file(path, text + sum_of(text), 0600);
}

Result<void> change_list(const std::string& path, const std::function<bool(FileList&)>& change) {
  const std::lock_guard lock(change_mutex);
  auto list = read_list(path);
  if (!list && list.error().code == Code::not_found) list = FileList();
  if (!list) return tl::unexpected<Error>(list.error());
  return change(*list) ? write_list(path, *list) : Result<void>();
}

}  // namespace holdfast::storage
