#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "storage/file_list.h"

namespace holdfast::storage {

// RocksDB opens what it finds: without the file CURRENT it makes a new database in the place of the old one, a
// write-ahead log that is gone it does not miss, and a manifest that was cut is one that ends earlier to it. So its
// logs and manifests stand in a list of our own (kListFile).

/// Has the list say that the log or manifest at `path` has `bytes` at least, which must be on disk. Errors:
/// unavailable.
Result<void> note_file(const std::string& path, std::uint64_t bytes);
/// Has the list not name it any more, before it is deleted. On disk on return. Errors: unavailable.
Result<void> forget_file(const std::string& path);
/// Has the list of `directory`, a copy of a database, name the logs and manifests that lie in it, beside what `list`
/// says. Errors: unavailable.
Result<void> note_files_of(const std::string& directory, FileList list);

/// The name of the manifest in force. Errors: not_found, without CURRENT; corrupt "storage.corrupt"; unavailable.
Result<std::string> current_manifest(const std::string& directory);

/// Databases that are made together, and written to only when all are: is each there, if one was written to? Changes
/// nothing. Errors: not_found "storage.part.missing", naming the folder or its CURRENT.
Result<void> require_databases(std::span<const std::string> directories);
/// Are the files there without which the database in `directory` would open as another one, or it or the journals
/// beside it without acknowledged writes? For before it is opened; one that is new, or whose making a crash cut short,
/// lacks nothing. Changes nothing. Errors: not_found "storage.part.missing", corrupt "storage.corrupt", naming the
/// file; unavailable.
Result<void> require_files(const std::string& directory);

}  // namespace holdfast::storage
