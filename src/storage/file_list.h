#pragma once

// The embedded engine's inside.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::storage {

/// What must be there, by name, with a number that goes with it. In a file: a line for each, and their sum (XXH3), so
/// that one which was cut, emptied or changed is none.
using FileList = std::map<std::string, std::uint64_t, std::less<>>;

/// A part of a store has its list in this file: logs and manifests, with the bytes that they have at least, and in the
/// log's part the journals that were begun.
inline constexpr const char* kListFile = "FILES";

/// Nothing for what was not written so.
std::optional<FileList> parse_list(std::string_view text);
std::string write_list(const FileList& list);

/// Errors: not_found, when there is no such file; corrupt "storage.corrupt", naming it; unavailable.
Result<FileList> read_list(const std::string& path);
/// None when there is no such file. Errors: as read_list.
Result<FileList> read_list_if_any(const std::string& path);
/// On disk on return. Errors: unavailable.
Result<void> write_list(const std::string& path, const FileList& list);
/// Reads the list, none without the file, and writes it if `change` says that it differs now. One at a time, from any
/// thread. Errors: as the two above.
Result<void> change_list(const std::string& path, const std::function<bool(FileList&)>& change);

}  // namespace holdfast::storage
