#pragma once

#include <rocksdb/env.h>

#include <string>
#include <string_view>

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

}  // namespace holdfast::storage
