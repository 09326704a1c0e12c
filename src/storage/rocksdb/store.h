#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "storage/store.h"

namespace holdfast::storage {

struct RocksOptions {
  std::size_t cache_bytes = 64u << 20;         ///< blocks of all instances together, indexes and filters included
  std::size_t write_buffer_bytes = 48u << 20;  ///< memtables of all instances together
  /// Times leases; the system's when null. Borrowed.
  const Clock* clock = nullptr;
  /// Opening refuses a write-ahead log that is damaged before its end ("storage.corrupt"), since acknowledged writes
  /// may lie behind the damage. True: go on with what precedes it, for an operator who decided so.
  bool drop_damaged_tail = false;
  /// Only looks, and makes and changes no file: for a doctor. Refused like any other while another process has it open.
  /// Each of the three must be there: not_found "storage.part.missing", naming it, or "storage.none", when nothing was
  /// ever written. Every write fails.
  bool read_only = false;
};

/// Opens, or creates, the embedded engine in `directory`: RocksDB in records/, keys/ and log/ beneath it. One process
/// at a time: unavailable ("storage.busy") while another has it open. Leases of the process before are over.
/// Errors: corrupt (names the file), unavailable (permissions, disk).
Result<std::unique_ptr<Store>> open_rocksdb(const std::string& directory, RocksOptions options = {});

/// Opens the store as open_rocksdb does, and reads every block of every file against its checksum; an open alone reads
/// few of them. Errors: as open_rocksdb.
Result<void> verify_rocksdb(const std::string& directory, RocksOptions options = {});

/// What opening with drop_damaged_tail drops for good.
struct Loss {
  std::string where;  ///< file or folder
  std::string what;   ///< "1200 bytes behind byte 40960"
};
/// Of a store as it lies; changes nothing. None where nothing is damaged. Errors: as open_rocksdb, for what no repair
/// mends.
Result<std::vector<Loss>> losses_of(const std::string& directory);

/// Makes `target` (absent or empty: else conflict, "storage.restore.target"; outside of the backup: else invalid,
/// "storage.restore.inside"; where one can be made: else invalid, "storage.place") a store with the content of a
/// backup. Copies aside, opens the copy and reads every block against its checksum, and only then puts it in place.
/// Errors: not_found (no backup there), corrupt (names the file; "storage.parts.differ", for parts of several backups,
/// though keys may be of another one than the rest), unavailable (disk).
Result<void> restore_rocksdb(const std::string& directory, const std::string& keys_directory,
                             const std::string& target);

}  // namespace holdfast::storage
