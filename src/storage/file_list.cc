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

std::optional<FileList> parse_list(std::string_view text) {
  const std::string_view lines = text.substr(0, text.size() - std::min(text.size(), kSumLine));
  if (text.substr(lines.size()) != sum_of(lines)) return std::nullopt;
  FileList out;
  std::istringstream fields{std::string(lines)};
  std::uint64_t number = 0;
  for (std::string name; fields >> name >> number;) out.emplace(name, number);
  if (write_list(out) != text) return std::nullopt;
  return out;
}

std::string write_list(const FileList& list) {
  std::string lines;
  for (const auto& [name, number] : list) lines += name + " " + std::to_string(number) + "\n";
  return lines + sum_of(lines);
}

Result<FileList> read_list(const std::string& path) {
  HF_TRY(const std::string text, read_file(path, kBytesMax));
  auto list = parse_list(text);
  if (!list) return tl::unexpected<Error>(damage(path));
  return *std::move(list);
}

Result<FileList> read_list_if_any(const std::string& path) {
  auto list = read_list(path);
  if (!list && list.error().code == Code::not_found) return FileList();
  return list;
}

Result<void> write_list(const std::string& path, const FileList& list) {
  return write_file(path, write_list(list), 0600);
}

Result<void> change_list(const std::string& path, const std::function<bool(FileList&)>& change) {
  const std::lock_guard lock(change_mutex);
  HF_TRY(FileList list, read_list_if_any(path));
  return change(list) ? write_list(path, list) : Result<void>();
}

}  // namespace holdfast::storage
