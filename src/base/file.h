#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast {

/// The whole file. Errors: not_found; invalid for one that is larger than `bytes_max`, for a folder, and "file.pipe"
/// for a pipe or a device, which may never end; unavailable.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max = 64u << 20);
/// As read_file, of what a person named: a pipe or a device too, such as /dev/stdin, until its end.
Result<std::string> read_input(const std::string& path, std::size_t bytes_max = 64u << 20);
/// invalid "file.pipe" when a pipe or a device is there: for what others than read_file read.
Result<void> require_no_pipe(const std::string& path);
/// What a write to `path` makes or replaces: where its links lead, if only to a place where nothing is yet.
std::string behind_links(const std::string& path);
/// Writes beside, syncs, renames into place: a reader sees the old or the new, whole. Follows links, as behind_links
/// does; a device or pipe is written to as it is.
Result<void> write_file(const std::string& path, std::string_view content, unsigned mode = 0644);
/// invalid ("key.file.wide") when group or others may read or write it.
Result<void> require_private(const std::string& path);

}  // namespace holdfast
