#pragma once

#include "storage/rocksdb/instance.h"
#include "storage/rocksdb/log.h"

namespace holdfast::storage {

/// Both directories must be absent or empty: else conflict ("storage.backup.exists"); neither may lie within the other,
/// nor in the store: invalid ("storage.backup.same", "storage.backup.inside"); and both can be made: else invalid
/// ("storage.place"). Makes both, private.
Result<void> prepare_backup_places(const RocksInstance& records, const std::string& directory,
                                   const std::string& keys_directory);
/// Checkpoints of the three, into `directory`/records, `directory`/log and `keys_directory`/keys, which it prepares.
/// Leaves nothing but the two behind when it fails.
Result<void> backup_parts(RocksInstance& records, RocksInstance& keys, RocksLog& log, const std::string& directory,
                          const std::string& keys_directory);

}  // namespace holdfast::storage
