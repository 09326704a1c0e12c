#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/write_buffer_manager.h>

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "storage/rocksdb/store.h"

namespace holdfast::storage {

/// What the three instances share, so that memory is bounded once.
struct RocksShared {
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
  bool drop_damaged_tail = false, read_only = false;
  static RocksShared create(const RocksOptions& options);
};

/// How a column family is read.
enum class FamilyKind {
  items,   ///< many small values; points, and prefixes that begin with a locker id
  keys,    ///< as items, few and hot: small files, indexes always in memory
  states,  ///< as plain, tiny, and written with every change of a locker
  plain,   ///< points and ranges
  blobs,   ///< as plain, large, and written while requests wait for the same disk
};

struct FamilySpec {
  const char* name;
  FamilyKind kind;
};

/// One RocksDB database in a directory of its own, with its column families. Thread-safe.
class RocksInstance {
 public:
  /// For before open(): is all there that the engine would not miss, and its logs as they were written? Ends them, and
  /// makes the folder if need be, but for read_only. Errors: as require_files and ends_of; unavailable "storage.busy",
  /// "storage.directory"; unsupported "storage.format"; read_only, of one that is not made yet: not_found
  /// "storage.none".
  static Result<void> look(const std::string& path, const RocksShared& shared);
  /// After prepare(). The first of `families` takes RocksDB's "default".
  static Result<std::unique_ptr<RocksInstance>> open(const std::string& path, const RocksShared& shared,
                                                     const std::vector<FamilySpec>& families);
  ~RocksInstance();
  RocksInstance(const RocksInstance&) = delete;
  RocksInstance& operator=(const RocksInstance&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(std::size_t index) const { return families_[index]; }
  const std::string& path() const { return path_; }

  /// Nothing when absent.
  Result<std::optional<Bytes>> get(std::size_t family, ByteView key) const;
  /// All of `batch` or none; synced on return. Concurrent callers share syncs. A write that failed is the last: what of
  /// it is on disk is found out by the next start, and nothing may be acknowledged on top of it before.
  Result<void> write(rocksdb::WriteBatch& batch);
  /// How many changes are on disk: no fewer than were acknowledged when it is asked, also after the next start.
  std::uint64_t changes() const { return changes_; }
  /// As Store::health, of this instance.
  Result<void> health() const;
  /// Every memtable into a file, so that older write-ahead logs are obsolete.
  Result<void> flush();
  /// Deletes the files that are in use no more. A compaction does that when it ends, but for those that somebody still
  /// looked at then, and these wait for the next compaction, if ever.
  Result<void> purge();
  /// Reads every block of every file against its checksum.
  Result<void> verify() const;
  /// A copy, in `path`, which must not exist, without syncs. It opens as an instance once its list is written
  /// (note_files_of).
  Result<void> checkpoint(const std::string& path);
  std::uint64_t property(const char* name) const;  ///< summed over the families

  Error error(const rocksdb::Status& status) const { return error(status, path_); }
  /// corrupt names the damaged file; a full disk and every other I/O error are unavailable.
  static Error error(const rocksdb::Status& status, const std::string& path);

 private:
  static Error open_error(const rocksdb::Status& status, const std::string& path);
  RocksInstance(std::string path, rocksdb::DB* db, std::vector<rocksdb::ColumnFamilyHandle*> families)
      : path_(std::move(path)), db_(db), families_(std::move(families)), changes_(db->GetLatestSequenceNumber()) {}

  std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::atomic<std::uint64_t> changes_;
  std::atomic<bool> failed_ = false;  ///< a write, so that none follows
};

inline rocksdb::Slice slice(ByteView view) { return {view.data(), view.size()}; }
inline ByteView view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

/// The least string above all that start with `prefix`; empty when there is none.
Bytes after_prefix(Bytes prefix);

/// The three instances of a store directory.
const std::vector<FamilySpec>& records_families();
const std::vector<FamilySpec>& keys_families();
const std::vector<FamilySpec>& log_families();

}  // namespace holdfast::storage
