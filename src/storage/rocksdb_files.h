#pragma once

#include <string>

#include "base/result.h"

namespace holdfast::storage {

// RocksDB opens what it finds: without the file CURRENT it makes a new database in the place of the old one, and a
// write-ahead log that is gone it does not miss. So a file of our own, WALS, names the logs that there are.

/// Has WALS name the new log at `path`, which must exist. On disk on return. Errors: unavailable.
Result<void> note_log(const std::string& path);
/// Has WALS not name it any more, before it is deleted. On disk on return. Errors: unavailable.
Result<void> forget_log(const std::string& path);

/// Has WALS name the logs that lie in `directory`, a copy of a database. Errors: unavailable.
Result<void> note_logs_of(const std::string& directory);

/// Are the files there without which the database in `directory` would open as another one, or without acknowledged
/// writes? For before it is opened; one that is new, or whose making a crash cut short, lacks nothing. Changes nothing.
/// Errors: not_found "storage.part.missing", corrupt "storage.corrupt", naming the file; unavailable.
Result<void> require_files(const std::string& directory);

}  // namespace holdfast::storage
