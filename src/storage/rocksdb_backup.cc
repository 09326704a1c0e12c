#include "storage/rocksdb_backup.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "storage/disk.h"
#include "storage/format.h"
#include "storage/rocksdb_files.h"
#include "storage/rocksdb_history.h"
#include "storage/rocksdb_parts.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

/// Of a copy that is being made, whoever reads it: the store itself is as it was. `more` goes behind the reason.
tl::unexpected<Error> disk_failure(const fs::path& path, std::error_code why, const std::string& more = {}) {
  Error out = disk_error(why.value(), path.string());
  out.what = out.slug == "storage.disk.full" ? "the disk is full, and nothing of the copy is left there; make room"
                                             : "copying failed: " + why.message() + more;
  return tl::unexpected<Error>(std::move(out));
}

Result<void> sync_copy(const fs::path& path) {
  if (!sync(path.string())) return disk_failure(path, std::error_code(errno, std::system_category()));
  return {};
}

/// Of a place where nothing can be made. Trying again helps only where the disk or the process lacked something.
tl::unexpected<Error> place_failure(const std::string& path, std::error_code why) {
  for (const std::errc passing : {std::errc::no_space_on_device, std::errc::io_error, std::errc::not_enough_memory,
                                  std::errc::too_many_files_open, std::errc::too_many_files_open_in_system}) {
    if (why == passing) return disk_failure(path, why);
  }
  if (why.value() == EDQUOT) return disk_failure(path, why);
  return fail(
      Code::invalid, "storage.place", path,
      "no folder can be made or looked into here (" + why.message() +
          "); name another place, or let the server's user write there (in the packaged unit: ReadWritePaths=)");
}

/// Errors: as place_failure.
Result<bool> absent_or_empty(const fs::path& path) {
  std::error_code failed;
  const bool there = fs::exists(path, failed);
  const bool is_free = !there || (fs::is_directory(path, failed) && fs::is_empty(path, failed));
  if (failed) return place_failure(path.string(), failed);
  return is_free;
}

bool is_mount_point(const fs::path& path) {
  struct stat here {};
  struct stat around {};
  return ::stat(path.c_str(), &here) == 0 && ::stat(path.parent_path().c_str(), &around) == 0 &&
         here.st_dev != around.st_dev;
}

Result<fs::path> private_directory(const std::string& directory) {
  std::error_code failed;
  const fs::path path = fs::absolute(directory, failed);
  if (!failed) fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, fs::perms::owner_all, failed);
  if (failed) return place_failure(directory, failed);
  return path;
}

/// What a backup goes into.
struct Places {
  fs::path records, keys;
};

/// Where `path` leads, through links, as far as it exists.
Result<fs::path> resolved(const std::string& path) {
  std::error_code failed;
  if (path.find('\0') != path.npos) return place_failure(path, std::make_error_code(std::errc::invalid_argument));
  fs::path out = fs::weakly_canonical(fs::absolute(path, failed), failed);
  if (failed) return place_failure(path, failed);
  if (!out.has_filename()) out = out.parent_path();
  return out;
}

bool within(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// So that whoever copies or drops one of store, records and keys does not get or lose another with it.
Result<void> require_apart(const fs::path& store, const std::string& directory, const std::string& keys_directory) {
  HF_TRY(const fs::path data, resolved(store.string()));
  HF_TRY(const fs::path records, resolved(directory));
  HF_TRY(const fs::path keys, resolved(keys_directory));
  for (const fs::path& target : {records, keys}) {
    if (!within(target, data) && !within(data, target)) continue;
    return fail(Code::invalid, "storage.backup.inside", target.string(),
                "a backup lies neither in the store's own folder nor around it; it belongs on another disk");
  }
  if (!within(records, keys) && !within(keys, records)) return {};
  return fail(Code::invalid, "storage.backup.same", directory,
              "keys and records must go to different directories, neither within the other, so that no copy of records "
              "holds a key");
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

/// A damaged file of the copy `at` is as damaged in the backup `from`, which is what is still there to look at.
Error of_backup(Error error, const fs::path& at, const fs::path& from) {
  if (error.where.starts_with(at.string())) error.where = from.string() + error.where.substr(at.string().size());
  if (error.code == Code::corrupt || error.slug == "storage.part.missing") {
    error.what = "this backup is damaged here: it is not what was written; nothing was restored, take another one";
  }
  return error;
}

/// Removes what a failed step made, unless told that it succeeded.
class Undo {
 public:
  void add(fs::path path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    std::error_code ignored;
    for (const fs::path& path : paths_) fs::remove_all(path, ignored);
  }

 private:
  std::vector<fs::path> paths_;
};

/// Requests wait for the same disk, and each sync of another file holds them up for milliseconds: so while there are
/// any, a backup takes its time between two of its own.
class Turns {
 public:
  explicit Turns(const RocksLog& log) : log_(log) {}
  void wait() {
    if (log_.appends() != seen_) std::this_thread::sleep_for(kBetween);
    seen_ = log_.appends();
  }

 private:
  /// At 40,000 requests a second, 32 at a time, one in 200 meets a sync.
  static constexpr std::chrono::milliseconds kBetween{150};
  const RocksLog& log_;
  std::uint64_t seen_ = 0;
};

/// All but tables, which the engine has synced, of a copy that it made. Its folder is synced with its list.
Result<void> sync_files(const fs::path& copy, Turns& turns) {
  std::error_code failed;
  for (fs::directory_iterator it(copy, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() == ".sst" || !it->is_regular_file(failed) || failed) continue;
    turns.wait();
    HF_CHECK(sync_copy(it->path()));
  }
  if (failed) return disk_failure(copy, failed);
  return {};
}

struct Copies {
  fs::path records, keys, log;
};

/// Keys first, then records: every record is sealed under a key that was there before it, or the record is newer and
/// its log entry with it. The log last, for an entry is durable before what it speaks of. And last of all the lists,
/// without which the copies are none.
Result<void> copy_parts(RocksInstance& records, RocksInstance& keys, RocksLog& log, const Copies& to) {
  HF_TRY(const FileList mark, mark_of_backup(records.path()));
  Turns turns(log);
  HF_CHECK(keys.checkpoint(to.keys));
  turns.wait();
  HF_CHECK(records.checkpoint(to.records));
  turns.wait();
  HF_TRY(FileList of_log, log.checkpoint(to.log));
  of_log.insert(mark.begin(), mark.end());
  for (const fs::path& copy : {to.keys, to.records, to.log}) HF_CHECK(sync_files(copy, turns));
  for (const fs::path& copy : {to.keys, to.records, to.log}) {
    turns.wait();
    HF_CHECK(note_files_of(copy, copy == to.log ? of_log : mark));
  }
  return {};
}

/// Of copies that lie in `directory`.
Result<void> make_store(const std::string& directory) {
  HF_CHECK(begin_history(parts_in(directory)));
  HF_TRY(RocksParts parts, open_parts(directory, {}));
  HF_CHECK(parts.verify());
  return parts.take_marks();
}

Result<Places> prepare(const RocksInstance& records, const std::string& directory, const std::string& keys_directory) {
  for (const std::string& path : {directory, keys_directory}) {
    if (path.empty()) return place_failure("\"\"", std::make_error_code(std::errc::invalid_argument));
    HF_TRY(const bool is_free, absent_or_empty(path));
    if (!is_free) {
      return fail(Code::conflict, "storage.backup.exists", path,
                  "a backup goes into a directory that is new or empty; name another one");
    }
  }
  HF_CHECK(require_apart(fs::path(records.path()).parent_path(), directory, keys_directory));
  HF_TRY(const fs::path into, private_directory(directory));
  HF_TRY(const fs::path keys_into, private_directory(keys_directory));
  std::error_code failed;
  if (fs::equivalent(into, keys_into, failed) || failed) {
    return fail(Code::invalid, "storage.backup.same", directory,
                "keys and records must go to different directories, so that no copy of records holds a key");
  }
  return Places{into, keys_into};
}

}  // namespace

Result<void> prepare_backup_places(const RocksInstance& records, const std::string& directory,
                                   const std::string& keys_directory) {
  HF_CHECK(prepare(records, directory, keys_directory));
  return {};
}

Result<void> backup_parts(RocksInstance& records, RocksInstance& keys, RocksLog& log, const std::string& directory,
                          const std::string& keys_directory) {
  HF_TRY(const auto places, prepare(records, directory, keys_directory));
  const auto& [into, keys_into] = places;
  Undo undo;
  const Copies copies{into / "records", keys_into / "keys", into / "log"};
  for (const fs::path& copy : {copies.records, copies.keys, copies.log}) {
    undo.add(copy);
    undo.add(copy.string() + ".tmp");
  }
  if (auto copied = copy_parts(records, keys, log, copies); !copied) {
    Error error = std::move(copied).error();
    if (error.slug == "storage.disk.full") {
      error.what = "the disk is full, nothing of the backup is left there, and the server goes on; make room";
    }
    return tl::unexpected<Error>(std::move(error));
  }
  for (const fs::path& path : {keys_into, into}) HF_CHECK(sync_copy(path));
  undo.keep();
  return {};
}

Result<void> restore_rocksdb(const std::string& directory, const std::string& keys_directory,
                             const std::string& target) {
  std::error_code failed;
  fs::path into = fs::absolute(target, failed).lexically_normal();
  if (!into.has_filename()) into = into.parent_path();
  HF_TRY(const bool is_free, absent_or_empty(into));
  if (failed || target.empty() || !is_free) {
    return fail(Code::conflict, "storage.restore.target", target,
                "a backup is restored into a directory that is new or empty; move what is there away first");
  }
  HF_TRY(const fs::path place, resolved(target));
  for (const std::string& path : {directory, keys_directory}) {
    HF_TRY(const fs::path backup, resolved(path));
    if (!within(place, backup)) continue;
    return fail(Code::invalid, "storage.restore.inside", target,
                "this lies within the backup, which has to stay as it is; restore somewhere else");
  }
  struct Part {
    fs::path from;
    const char* name;
  };
  const fs::path records = fs::path(directory) / "records", log = fs::path(directory) / "log",
                 keys = fs::path(keys_directory) / "keys";
  const Part parts[] = {{records, "records"}, {log, "log"}, {keys, "keys"}};
  for (const Part& part : parts) {
    if (!fs::exists(part.from / "CURRENT", failed)) {
      if (failed) return disk_failure(part.from, failed);
      if (fs::exists(part.from / kListFile, failed)) {
        return tl::unexpected<Error>(of_backup(part_missing(part.from / "CURRENT"), part.from, part.from));
      }
      return fail(
          Code::not_found, "storage.restore.backup", part.from.string(),
          "there is no backup here; name the folders that 'holdfast backup' was given, that of the keys with --keys");
    }
    HF_CHECK(check_format(part.from.string()));
    if (!fs::exists(part.from / kListFile, failed)) {
      if (failed) return disk_failure(part.from, failed);
      return fail(Code::not_found, "storage.restore.backup", part.from / kListFile,
                  "this backup was not finished, or a part of it was not copied here; take another one");
    }
  }
  if (is_mount_point(into)) {
    return fail(
        Code::invalid, "storage.restore.mount", target,
        "a disk is mounted here, and a restore takes its place whole or not at all; restore into a folder on it, "
        "and name that folder as data: in holdfast.yaml");
  }
  if (auto whole = check_reach(log.string()); !whole) {
    return tl::unexpected<Error>(of_backup(std::move(whole).error(), log, log));
  }
  HF_CHECK(require_one_backup(records.string(), log.string(), keys.string()));
  Undo undo;
  const fs::path aside = into.string() + ".restoring";
  fs::remove_all(aside, failed);  // of an attempt that was cut short
  undo.add(aside);
  if (auto made = private_directory(aside.string()); !made) {
    Error error = std::move(made).error();
    if (error.where == aside) error.where = target;
    return tl::unexpected<Error>(std::move(error));
  }
  for (const Part& part : parts) HF_CHECK(copy_instance(part.from, aside / part.name));
  if (auto made = make_store(aside.string()); !made) {
    Error error = std::move(made).error();
    for (const Part& part : parts) error = of_backup(std::move(error), aside / part.name, part.from);
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
