#include "storage/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace holdfast::storage {

Error disk_error(int reason, const std::string& path) {
  if (reason == ENOSPC) {
    return {Code::unavailable, "storage.disk.full", path,
            "the disk is full and nothing was acknowledged; free some space and restart the server"};
  }
  return {Code::unavailable, "storage.io", path,
          "reading or writing failed, nothing was acknowledged; mend the disk and restart the server"};
}

Error damage(const std::string& path) {
  return {Code::corrupt, "storage.corrupt", path,
          "a stored checksum does not match what the disk gives back; check the disk and restore a backup, or read "
          "what 'holdfast repair' would drop"};
}

Error write_failed(const std::string& path) {
  return {Code::unavailable, "storage.failed", path,
          "a write failed, and what of it is on disk is known after the next start; see to the disk and restart the "
          "server"};
}

Result<void> sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (!synced) return tl::unexpected<Error>(disk_error(reason, path));
  return {};
}

}  // namespace holdfast::storage
