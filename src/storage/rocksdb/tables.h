#pragma once

// RocksDB's tables: damage that it does not bear, or does not name.

#include <optional>
#include <string>

#include "base/result.h"

namespace holdfast::storage {

/// Would a table of the database in `directory` end the process when it is opened? Only those count that `manifest`,
/// the name of the one in force, took in: others the engine only deletes. For before it is opened; changes nothing.
/// Errors: corrupt "storage.corrupt", naming the table; unavailable.
Result<void> require_openable_tables(const std::string& directory, const std::string& manifest);

/// By its name, the first table in `directory` that does not open.
std::optional<std::string> damaged_table(const std::string& directory);

}  // namespace holdfast::storage
