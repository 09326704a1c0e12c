#pragma once

#include <rocksdb/env.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::storage {

/// The environment in which RocksDB writes its logs so that a power cut tears the last record at most. Write-ahead logs
/// (`NNNNNN.log`) go into space that is zeroed ahead: a file that grows with every write has its inode written at every
/// sync as well, a second trip to the disk; one that is overwritten has not. Zeros stay behind the last record, so that
/// a log which was cut shorter is told from one that ends. What of the manifest (`MANIFEST-NNNNNN`, the list of the
/// tables in force) was synced, the list of the part says (note_file). Everything else is as in Env::Default(). Lives
/// as long as the process.
rocksdb::Env* logs_env();

/// What each record of a write-ahead log must end with (WriteBatch::PutLogData): as it is not zero, a zero at the end
/// says that the record was torn, and never that it ends so.
inline constexpr std::string_view kRecordEnd = "\x55";

struct EndLogs {
  bool drop_damaged = false;  ///< ends a log before what is refused otherwise
  bool read_only = false;     ///< changes nothing
};
/// Ends each write-ahead log in `directory`, and the manifest in force, behind its last whole record. For before the
/// database is opened, after require_files. A log's record is synced before the next one begins, so only the last can
/// be torn, and it was acknowledged to nobody: then a sector of it or its end is still of zeros, and zeros are left of
/// it. What is damaged in another way is left for the engine to refuse, but for what the engine would take for torn:
/// damage that a record follows, a last record of which only the length rotted, and a log that has no room for another
/// record, which was cut. A manifest's records are whole up to where it was synced, as the list says; what was written
/// behind that, whole or not, was acknowledged to nobody. Format:
/// github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format. Errors: unavailable "storage.io"; corrupt
/// "storage.corrupt", naming the file.
Result<void> end_logs(const std::string& directory, EndLogs how);

/// The first write-ahead log in `directory` that is not as it was written: the engine refuses it without its name.
std::optional<std::string> damaged_log(const std::string& directory);

}  // namespace holdfast::storage
