#pragma once

#include <rocksdb/env.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::storage {

/// The environment in which RocksDB writes its logs so that a power cut tears the last record at most. Write-ahead logs
/// (`NNNNNN.log`) go into space that is zeroed ahead: a file that grows with every write has its inode written at every
/// sync as well, a second trip to the disk; one that is overwritten has not. Each record of the manifest
/// (`MANIFEST-NNNNNN`, the list of the tables in force) is synced before the next. Everything else is as in
/// Env::Default(). Lives as long as the process.
rocksdb::Env* logs_env();

/// What each record of a write-ahead log must end with (WriteBatch::PutLogData): as it is not zero, a zero at the end
/// says that the record was torn, and never that it ends so.
inline constexpr std::string_view kRecordEnd = "\x55";

/// By its name.
bool is_manifest(const std::string& path);

/// Ends each write-ahead log and manifest in `directory` behind its last whole record. For before the database is
/// opened: zeros written ahead go, and so does a last record that a power cut tore. A record is synced before the next
/// one begins, so only the last can be torn, and it was acknowledged to nobody. Torn is one that the file's end cuts
/// off, or of which a sector or the end is still of zeros; what is damaged in another way is left for the engine to
/// refuse, but for damage that a record follows and a last record of which only the length rotted: the engine would
/// take a length beyond the file's end for a torn record. With `drop_damaged` a log ends before that. Format:
/// github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format. Errors: unavailable "storage.io"; corrupt
/// "storage.corrupt", naming the file.
Result<void> end_logs(const std::string& directory, bool drop_damaged);

/// The first write-ahead log in `directory` that is not as it was written: the engine refuses it without its name.
std::optional<std::string> damaged_log(const std::string& directory);

}  // namespace holdfast::storage
