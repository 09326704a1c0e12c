#pragma once

// Where RocksDB's logs end.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace holdfast::storage {

/// What stands behind a write-ahead log's last whole record. A record is synced before the next one begins, so only the
/// last can be torn, and it was acknowledged to nobody: then a sector of it or its end is still of zeros.
struct LogEnd {
  std::size_t at = 0;  ///< where the last whole record ends
  enum How {
    torn,     ///< nothing that anybody was promised
    damaged,  ///< what was whole once: a record follows, or all of it was written
    cut,      ///< the file was longer: it has no room for another record
  } how = torn;
  std::size_t behind = 0;  ///< bytes that are there, up to the last that is not zero
};

/// By file names.
struct LogEnds {
  using ByName = std::map<std::string, LogEnd>;
  ByName logs;
  std::optional<std::pair<std::string, std::size_t>> manifest;  ///< the one in force, and where it ends
};

/// Where each write-ahead log in `directory`, and the manifest in force, ends to the next start. For before the
/// database is opened, after require_files. A manifest's records are whole up to where it was synced, as the list says;
/// what was written behind that, whole or not, was acknowledged to nobody. With `drop_damaged` logs end before damage,
/// which is refused otherwise, and what follows it is dropped. Changes nothing. Format:
/// github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format. Errors: corrupt "storage.corrupt", naming the file;
/// unavailable "storage.io".
Result<LogEnds> ends_of(const std::string& directory, bool drop_damaged);
/// Ends them there, so that the engine finds no more: zeros follow a log's last record. Errors: as ends_of.
Result<void> end_logs(const std::string& directory, bool drop_damaged);

}  // namespace holdfast::storage
