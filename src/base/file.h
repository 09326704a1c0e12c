#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast {

/// The whole file. Errors: not_found; invalid for one that is larger than `bytes_max`, and for a folder; unavailable.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max = 64u << 20);
/// Writes beside, syncs, renames into place: a reader sees the old or the new, whole. Follows links; a device or pipe
/// is written to as it is.
Result<void> write_file(const std::string& path, std::string_view content, unsigned mode = 0644);
/// invalid ("key.file.wide") when group or others may read or write it.
Result<void> require_private(const std::string& path);

}  // namespace holdfast
