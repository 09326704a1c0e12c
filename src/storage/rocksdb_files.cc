#include "storage/rocksdb_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/journal.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLogsFile = "WALS";
constexpr std::size_t kBytesMax = 64u << 10;  // thousands of logs, where there are a handful
constexpr std::string_view kManifest = "MANIFEST-", kFirstManifest = "MANIFEST-000001";

/// One changes WALS at a time: an engine makes and deletes logs on threads of its own.
std::mutex logs_mutex;

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_log(std::string_view name) { return name.ends_with(".log") && is_number(name.substr(0, name.size() - 4)); }

/// The names in WALS. not_found when there is no such file.
Result<std::set<std::string>> read_logs(const fs::path& directory) {
  const std::string path = directory / kLogsFile;
  HF_TRY(const std::string text, read_file(path, kBytesMax));
  std::set<std::string> out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view name = rest.substr(0, end);
    if (end == std::string_view::npos || !is_log(name)) return tl::unexpected<Error>(damage(path));
    out.emplace(name);
    rest.remove_prefix(end + 1);
  }
  return out;
}

Result<void> write_logs(const fs::path& directory, const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return write_file(directory / kLogsFile, text, 0600);
}

template <class Change>
Result<void> change_logs(const fs::path& log, Change change) {
  const std::lock_guard lock(logs_mutex);
  const fs::path directory = log.parent_path();
  HF_TRY(std::set<std::string> names, noted_logs(directory));
  if (!change(names, log.filename().string())) return {};
  return write_logs(directory, names);
}

/// Has a log a record, or was one begun? Each begins with a header that is not of zeros.
bool is_written(const fs::path& log) {
  std::array<char, 7> header{};
  std::ifstream(log, std::ios::binary).read(header.data(), header.size());
  return std::ranges::any_of(header, [](char c) { return c != '\0'; });
}

/// What a database consists of, by the files' names.
struct Parts {
  bool tables = false, full_logs = false, log_list = false;
  std::set<std::string> logs, manifests;

  /// Was anything ever written to it?
  bool used() const { return tables || full_logs; }
};

Result<Parts> parts_of(const fs::path& directory) {
  Parts out;
  std::error_code failed;
  for (auto it = fs::directory_iterator(directory, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    const std::string name = it->path().filename();
    if (name.ends_with(".sst")) out.tables = true;
    if (name == kLogsFile) out.log_list = true;
    if (name.starts_with(kManifest)) out.manifests.insert(name);
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

Result<void> note_log(const std::string& path) {
  return change_logs(path,
                     [](std::set<std::string>& names, const std::string& log) { return names.insert(log).second; });
}

Result<void> forget_log(const std::string& path) {
  return change_logs(path, [](std::set<std::string>& names, const std::string& log) { return names.erase(log) > 0; });
}

Result<std::set<std::string>> noted_logs(const std::string& directory) {
  auto names = read_logs(directory);
  if (!names && names.error().code == Code::not_found) return std::set<std::string>();
  return names;
}

Result<void> note_logs_of(const std::string& directory) {
  HF_TRY(const Parts parts, parts_of(directory));
  return write_logs(directory, parts.logs);
}

Result<void> require_databases(std::span<const std::string> directories) {
  bool used = false;
  const std::string* missing = nullptr;
  for (const std::string& directory : directories) {
    const auto parts = parts_of(directory);
    if (!parts) return {};  // of which opening it says more
    used = used || parts->used();
    std::error_code unknown;
    const bool is_there = fs::exists(directory, unknown) && !fs::is_empty(directory, unknown);
    if (!is_there && !unknown && !missing) missing = &directory;
  }
  if (!used || !missing) return {};
  return tl::unexpected<Error>(part_missing(*missing));
}

Result<void> require_files(const std::string& directory) {
  const fs::path folder = directory;
  HF_CHECK(Journal::require_begun(folder / kJournalsFolder));
  HF_TRY(const Parts parts, parts_of(folder));
  const bool used = parts.used();
  const auto missing = [&](const std::string& name) { return tl::unexpected<Error>(part_missing(folder / name)); };

  const auto current = read_file(folder / "CURRENT", kBytesMax);
  if (!current && current.error().code != Code::not_found) return tl::unexpected<Error>(current.error());
  if (!current) {
    // Of one that was being made there may be the first manifest, and nothing else.
    const bool made = used || parts.log_list || parts.manifests.size() > 1 ||
                      (!parts.manifests.empty() && *parts.manifests.begin() != kFirstManifest);
    return made ? Result<void>(missing("CURRENT")) : Result<void>();
  }
  const std::string_view named = std::string_view(*current).substr(0, current->find('\n'));
  const bool sound = current->ends_with('\n') && named.size() + 1 == current->size() && named.starts_with(kManifest) &&
                     is_number(named.substr(kManifest.size()));
  if (!sound || (!parts.manifests.contains(std::string(named)) && !parts.manifests.empty())) {
    return tl::unexpected<Error>(damage(folder / "CURRENT"));
  }
  if (parts.manifests.empty()) return missing(std::string(named));

  const auto logs = read_logs(folder);
  if (!logs && logs.error().code != Code::not_found) return tl::unexpected<Error>(logs.error());
  if (!logs) return used ? Result<void>(missing(kLogsFile)) : Result<void>();
  for (const std::string& log : *logs) {
    if (!parts.logs.contains(log)) return missing(log);
  }
  return {};
}

}  // namespace holdfast::storage
