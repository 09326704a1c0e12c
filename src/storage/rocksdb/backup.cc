#include "storage/rocksdb/backup.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "storage/rocksdb/copy_places.h"
#include "storage/rocksdb/files.h"
#include "storage/rocksdb/history.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

/// What a backup goes into.
struct Places {
  fs::path records, keys;
};

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

}  // namespace holdfast::storage
