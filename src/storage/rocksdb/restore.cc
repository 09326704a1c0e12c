// A store made of a backup.
#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "storage/disk.h"
#include "storage/rocksdb/copy_places.h"
#include "storage/rocksdb/format.h"
#include "storage/rocksdb/history.h"
#include "storage/rocksdb/log.h"
#include "storage/rocksdb/parts.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

/// A backup's folders.
struct Copies {
  fs::path records, log, keys;
  std::array<fs::path, 3> all() const { return {records, log, keys}; }
};

bool is_mount_point(const fs::path& path) {
  struct stat here {};
  struct stat around {};
  return ::stat(path.c_str(), &here) == 0 && ::stat(path.parent_path().c_str(), &around) == 0 &&
         here.st_dev != around.st_dev;
}

/// A damaged file of the copy `at` is as damaged in the backup `from`, which is what is still there to look at.
Error of_backup(Error error, const fs::path& at, const fs::path& from) {
  if (error.where.starts_with(at.string())) error.where = from.string() + error.where.substr(at.string().size());
  if (error.code == Code::corrupt || error.slug == "storage.part.missing") {
    error.what = "this backup is damaged here: it is not what was written; nothing was restored, take another one";
  }
  return error;
}

/// `into` is where `target` leads.
Result<void> require_target(const std::string& target, const fs::path& into, const std::string& directory,
                            const std::string& keys_directory) {
  HF_TRY(const bool is_free, absent_or_empty(into));
  if (target.empty() || !is_free) {
    return fail(Code::conflict, "storage.restore.target", target,
                "a backup is restored into a directory that is new or empty; move what is there away first");
  }
  for (const std::string& path : {directory, keys_directory}) {
    HF_TRY(const fs::path backup, resolved(path));
    if (!within(into, backup)) continue;
    return fail(Code::invalid, "storage.restore.inside", target,
                "this lies within the backup, which has to stay as it is; restore somewhere else");
  }
  return {};
}

Result<void> require_copy(const fs::path& copy) {
  std::error_code failed;
  const bool is_copy = fs::exists(copy / "CURRENT", failed), has_list = fs::exists(copy / kListFile, failed);
  if (failed) return disk_failure(copy, failed);
  if (is_copy) HF_CHECK(check_format(copy.string()));
  if (is_copy && has_list) return {};
  if (has_list) return tl::unexpected<Error>(of_backup(part_missing(copy / "CURRENT"), copy, copy));
  return fail(Code::not_found, "storage.restore.backup", is_copy ? copy / kListFile : copy,
              is_copy ? "this backup was not finished, or a part of it was not copied here; take another one"
                      : "there is no backup here; name the folders that 'holdfast backup' was given, that of the keys "
                        "with --keys");
}

/// Is all there that was copied, and of one time?
Result<void> require_backup(const Copies& copies) {
  for (const fs::path& copy : copies.all()) HF_CHECK(require_copy(copy));
  const std::string log = copies.log.string();
  if (auto whole = check_reach(log); !whole) {
    return tl::unexpected<Error>(of_backup(std::move(whole).error(), log, log));
  }
  return require_one_backup(copies.records.string(), log, copies.keys.string());
}

/// Copies the files of one folder and syncs them, then the folder.
Result<void> copy_files(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::create_directories(to, failed);
  if (failed) return disk_failure(to, failed);
  for (auto it = fs::directory_iterator(from, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    const fs::path name = it->path().filename();
    if (name == "LOCK" || !it->is_regular_file(failed)) continue;
    if (failed) break;
    const fs::path copy = to / name;
    fs::copy_file(it->path(), copy, failed);
    // The library tells a full disk as an error of its own.
    if (std::error_code unknown;
        failed == std::errc::io_error && fs::space(to, unknown).available < it->file_size(unknown)) {
      failed = std::make_error_code(std::errc::no_space_on_device);
    }
    // Which of the two sides failed, the error does not tell.
    if (failed) return disk_failure(copy, failed, ", from " + it->path().string());
    HF_CHECK(sync_copy(copy));
  }
  if (failed) return disk_failure(from, failed);
  return sync_copy(to);
}

/// As copy_files, and the journals that lie in it.
Result<void> copy_instance(const fs::path& from, const fs::path& to) {
  HF_CHECK(copy_files(from, to));
  const fs::path journals = journals_of(from.string());
  std::error_code failed;
  if (fs::exists(journals, failed)) return copy_files(journals, journals_of(to.string()));
  if (failed) return disk_failure(journals, failed);
  return {};
}

/// Of copies that lie in `directory`.
Result<void> make_store(const std::string& directory) {
  HF_CHECK(begin_history(parts_in(directory)));
  HF_TRY(RocksParts parts, open_parts(directory, {}));
  HF_CHECK(parts.verify());
  return parts.take_marks();
}

}  // namespace

Result<void> restore_rocksdb(const std::string& directory, const std::string& keys_directory,
                             const std::string& target) {
  std::error_code failed;
  HF_TRY(const fs::path into, resolved(target));
  HF_CHECK(require_target(target, into, directory, keys_directory));
  const Copies copies{fs::path(directory) / "records", fs::path(directory) / "log", fs::path(keys_directory) / "keys"};
  HF_CHECK(require_backup(copies));
  if (is_mount_point(into)) {
    return fail(
        Code::invalid, "storage.restore.mount", target,
        "a disk is mounted here, and a restore takes its place whole or not at all; restore into a folder on it, "
        "and name that folder as data: in holdfast.yaml");
  }
  Undo undo;
  const fs::path aside = into.string() + ".restoring";
  fs::remove_all(aside, failed);  // of an attempt that was cut short
  undo.add(aside);
  if (auto made = private_directory(aside.string()); !made) {
    Error error = std::move(made).error();
    if (error.where == aside) error.where = target;
    return tl::unexpected<Error>(std::move(error));
  }
  for (const fs::path& copy : copies.all()) HF_CHECK(copy_instance(copy, aside / copy.filename()));
  if (auto made = make_store(aside.string()); !made) {
    Error error = std::move(made).error();
    for (const fs::path& copy : copies.all()) error = of_backup(std::move(error), aside / copy.filename(), copy);
    return tl::unexpected<Error>(std::move(error));
  }
  HF_CHECK(sync_copy(aside));
  fs::remove(into, failed);  // it is empty, or absent
  if (!failed) fs::rename(aside, into, failed);
  if (failed) return disk_failure(into, failed);
  undo.keep();
  return sync_copy(into.parent_path());
}

}  // namespace holdfast::storage
