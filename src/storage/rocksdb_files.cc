#include "storage/rocksdb_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "storage/disk.h"
#include "storage/journal.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCurrentBytesMax = 64, kManifestBytesMax = 1u << 30;
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

/// Did the manifest ever take the table in? One that was not may be torn, and the engine only deletes it. Looks for how
/// its record begins: 103, level, number, bytes (rocksdb/db/version_edit.cc).
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

/// In a part's list, the steps of starts that it has seen: two each, so that all parts have seen the first before any
/// sees the second, after which they are written to. Parts of one time differ by one at most.
constexpr const char* kStep = "start";

Result<std::vector<std::uint64_t>> steps_of(std::span<const std::string> directories) {
  std::vector<std::uint64_t> out;
  for (const fs::path directory : directories) {
    HF_TRY(FileList list, read_list_if_any(directory / kListFile));
    out.push_back(list[kStep]);  // 0 where there is none
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

Result<void> note_files_of(const std::string& directory) {
  HF_TRY(Parts parts, parts_of(directory));
  parts.logs.merge(parts.manifests);
  FileList list;
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
  HF_TRY(std::string current, read_file(path, kCurrentBytesMax));
  if (!current.ends_with('\n')) return tl::unexpected<Error>(damage(path));
  current.pop_back();
  if (!is_manifest(current)) return tl::unexpected<Error>(damage(path));
  return current;
}

std::optional<std::string> first_file(const std::string& directory, std::string_view extension,
                                      const std::function<bool(const std::string&)>& is_it) {
  std::optional<std::string> first;
  std::error_code failed;
  for (fs::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
    std::string path = it->path().string();
    if (it->path().extension() != extension || (first && *first < path)) continue;
    if (is_it(path)) first = std::move(path);
  }
  return first;
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

Result<void> require_together(std::span<const std::string> directories) {
  HF_TRY(const std::vector<std::uint64_t> steps, steps_of(directories));
  const auto least = std::ranges::min_element(steps);
  if (std::ranges::is_sorted(steps, std::greater()) && steps.front() - *least <= 1) return {};
  return fail(
      Code::corrupt, "storage.parts.differ", directories[static_cast<std::size_t>(least - steps.begin())],
      "this part of the store is from an earlier time than another one, and what was written since is not in it; "
      "put back the parts that belong together, or restore a backup. Nothing was changed");
}

Result<void> begin_together(std::span<const std::string> directories) {
  HF_TRY(const std::vector<std::uint64_t> steps, steps_of(directories));
  const std::uint64_t present = steps.front();
  for (std::uint64_t step = present; step <= present / 2 * 2 + 2; ++step) {
    for (const fs::path directory : directories) {
      HF_CHECK(
          change_list(directory / kListFile, [&](FileList& list) { return std::exchange(list[kStep], step) != step; }));
    }
  }
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
  for (const std::string& table : parts.tables) {
    if (!would_end_the_engine(folder / table)) continue;
    HF_TRY(const Bytes manifest, read_file(folder / *current, kManifestBytesMax));
    if (is_taken_in(folder / table, manifest)) return tl::unexpected<Error>(damage(folder / table));
  }
  for (const auto& [name, bytes] : *list) {
    if (is_log(name) && !parts.logs.contains(name)) return missing(name);
  }
  return Journal::require_begun(folder / kJournalsFolder, *list);
}

}  // namespace holdfast::storage
