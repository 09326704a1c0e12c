#pragma once

#include <string>

#include "base/result.h"

namespace holdfast::storage {

/// What the files of a database mean: layout of lockers, blobs and journals, and of what the rooms above put into
/// them. Grows by one when an older version could no longer read what this one writes.
inline constexpr unsigned kStoreFormat = 6;

/// Beside a database's files: "holdfast store 6".
inline constexpr const char* kFormatFile = "FORMAT";

/// Before a database in `directory` is opened: gives a new one this version's number, in kFormatFile, and refuses one
/// of another format or without that file, untouched. Errors: unsupported, corrupt ("storage.format"); what write_file
/// says.
Result<void> check_format(const std::string& directory);

}  // namespace holdfast::storage
