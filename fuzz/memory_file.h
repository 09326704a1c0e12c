#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

/// A file in memory with a path, for what reads its input by name. Mode 0600, so that keys are taken from it.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || fchmod(fd_, 0600) != 0 ||
        write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      __builtin_trap();
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};
