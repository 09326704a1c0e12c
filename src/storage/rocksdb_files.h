#pragma once

#include <set>
#include <span>
#include <string>

#include "base/result.h"

namespace holdfast::storage {

// RocksDB opens what it finds: without the file CURRENT it makes a new database in the place of the old one, and a
// write-ahead log that is gone it does not miss. So a file of our own, WALS, names the logs that there are.

/// Has WALS name the new log at `path`, which must exist. On disk on return. Errors: unavailable.
Result<void> note_log(const std::string& path);
/// Has WALS not name it any more, before it is deleted. On disk on return. Errors: unavailable.
Result<void> forget_log(const std::string& path);

/// The names in WALS, none without it. Errors: corrupt "storage.corrupt", unavailable.
Result<std::set<std::string>> noted_logs(const std::string& directory);
/// Has WALS name the logs that lie in `directory`, a copy of a database. Errors: unavailable.
Result<void> note_logs_of(const std::string& directory);

/// Databases that are made together, and written to only when all are: is each there, if one was written to? Changes
/// nothing. Errors: not_found "storage.part.missing", naming the folder.
Result<void> require_databases(std::span<const std::string> directories);
/// Are the files there without which the database in `directory` would open as another one, or it or the journals
/// beside it without acknowledged writes? For before it is opened; one that is new, or whose making a crash cut short,
/// lacks nothing. Changes nothing. Errors: not_found "storage.part.missing", corrupt "storage.corrupt", naming the
/// file; unavailable.
Result<void> require_files(const std::string& directory);

}  // namespace holdfast::storage
