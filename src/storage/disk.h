#pragma once

// The embedded engine's inside: what it says of a disk that fails.

#include <string>

#include "base/result.h"

namespace holdfast::storage {

/// unavailable: "storage.disk.full" for ENOSPC, "storage.io" for any other errno.
Error disk_error(int reason, const std::string& path);
/// corrupt "storage.corrupt": not the table of an engine, so that 'holdfast repair' may help.
Error damage(const std::string& path);
/// As Store::health, of a part in which a write failed.
Error write_failed(const std::string& path);
/// fsync of a file or folder. Errors: as disk_error.
Result<void> sync(const std::string& path);

}  // namespace holdfast::storage
