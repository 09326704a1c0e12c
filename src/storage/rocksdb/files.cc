#include "storage/rocksdb/files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/journal/journal.h"
#include "storage/rocksdb/tables.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCurrentBytesMax = 64;
constexpr std::string_view kManifest = "MANIFEST-", kFirstManifest = "MANIFEST-000001";

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_log(std::string_view name) { return name.ends_with(".log") && is_number(name.substr(0, name.size() - 4)); }

bool is_manifest(std::string_view name) {
  return name.starts_with(kManifest) && is_number(name.substr(kManifest.size()));
}

std::string list_beside(const fs::path& file) { return file.parent_path() / kListFile; }

/// Has a log a record, or was one begun? Each begins with a header that is not of zeros.
bool is_written(const fs::path& log) {
  std::array<char, 7> header{};
  std::ifstream(log, std::ios::binary).read(header.data(), header.size());
  return std::ranges::any_of(header, [](char c) { return c != '\0'; });
}

/// What a database consists of, by the files' names.
struct Parts {
  bool full_logs = false;
  std::set<std::string> logs, manifests, tables;

  /// Was anything ever written to it?
  bool used() const { return !tables.empty() || full_logs; }
};

Result<Parts> parts_of(const fs::path& directory) {
  Parts out;
  std::error_code failed;
  for (auto it = fs::directory_iterator(directory, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    const std::string name = it->path().filename();
    if (name.ends_with(".sst")) out.tables.insert(name);
    if (is_manifest(name)) out.manifests.insert(name);
    if (!is_log(name)) continue;
    out.logs.insert(name);
    out.full_logs = out.full_logs || is_written(it->path());
  }
  if (failed && failed != std::errc::no_such_file_or_directory) {
    return tl::unexpected<Error>(disk_error(failed.value(), directory));
  }
  return out;
}

}  // namespace

Result<void> note_file(const std::string& path, std::uint64_t bytes) {
  return change_list(list_beside(path), [&](FileList& list) {
    const auto [there, is_new] = list.emplace(fs::path(path).filename(), bytes);
    return is_new || std::exchange(there->second, bytes) != bytes;
  });
}

Result<void> forget_file(const std::string& path) {
  return change_list(list_beside(path),
                     [&](FileList& list) { return list.erase(fs::path(path).filename().string()) > 0; });
}

Result<void> note_files_of(const std::string& directory, FileList list) {
  HF_TRY(Parts parts, parts_of(directory));
  parts.logs.merge(parts.manifests);
  for (const std::string& name : parts.logs) {
    std::error_code failed;
    const fs::path file = fs::path(directory) / name;
    list[name] = fs::file_size(file, failed);
    if (failed) return tl::unexpected<Error>(disk_error(failed.value(), file));
  }
  return write_list(fs::path(directory) / kListFile, list);
}

Result<std::string> current_manifest(const std::string& directory) {
  const std::string path = directory + "/CURRENT";
  auto read = read_file(path, kCurrentBytesMax);
  if (!read && read.error().code == Code::invalid) return tl::unexpected<Error>(damage(path));
  HF_TRY(std::string current, std::move(read));
  if (!current.ends_with('\n')) return tl::unexpected<Error>(damage(path));
  current.pop_back();
  if (!is_manifest(current)) return tl::unexpected<Error>(damage(path));
  return current;
}

Result<void> require_databases(std::span<const std::string> directories) {
  bool used = false;
  std::optional<fs::path> missing;
  for (const fs::path directory : directories) {
    const auto parts = parts_of(directory);
    if (!parts) return {};  // of which opening it says more
    used = used || parts->used();
    std::error_code unknown;
    if (missing || fs::exists(directory / "CURRENT", unknown) || unknown) continue;
    missing = !fs::exists(directory, unknown) || fs::is_empty(directory, unknown) ? directory : directory / "CURRENT";
  }
  if (used && missing) return tl::unexpected<Error>(part_missing(*missing));
  return {};
}

Result<void> require_files(const std::string& directory) {
  const fs::path folder = directory;
  HF_TRY(const Parts parts, parts_of(folder));
  const auto missing = [&](const std::string& name) { return tl::unexpected<Error>(part_missing(folder / name)); };

  const auto list = read_list(folder / kListFile);
  if (!list && list.error().code != Code::not_found) return tl::unexpected<Error>(list.error());
  const auto current = current_manifest(directory);
  if (!current && current.error().code != Code::not_found) return tl::unexpected<Error>(current.error());
  if (!current) {
    // Of one that was being made there may be the first manifest, and nothing else.
    const auto is_first = [](const std::string& name) { return name == kFirstManifest; };
    const bool made = parts.used() || !std::ranges::all_of(parts.manifests, is_first) ||
                      (list && !std::ranges::all_of(*list, is_first, &FileList::value_type::first));
    return made ? Result<void>(missing("CURRENT")) : Result<void>();
  }
  if (!parts.manifests.contains(*current)) {
    const bool was_there = parts.manifests.empty() || (list && list->contains(*current));
    return was_there ? Result<void>(missing(*current)) : tl::unexpected<Error>(damage(folder / "CURRENT"));
  }
  if (!list) return missing(kListFile);
  // A manifest is in the list before it comes into force.
  if (!list->contains(*current)) return tl::unexpected<Error>(damage(folder / kListFile));
  HF_CHECK(require_openable_tables(directory, *current));
  for (const auto& [name, bytes] : *list) {
    if (is_log(name) && !parts.logs.contains(name)) return missing(name);
  }
  return Journal::require_begun(folder / kJournalsFolder, *list);
}

}  // namespace holdfast::storage
