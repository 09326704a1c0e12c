#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace holdfast {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> io_error(const std::string& path, const char* doing) {
  const int code = errno;
  std::string what = std::string("cannot ") + doing + ": " + std::strerror(code);
  if (code == ENOENT) return fail(Code::not_found, "file.missing", path, what);
  if (code == EACCES || code == EPERM) what += "; let this user do that, or run this as one who may";
  // Waiting makes no file of a folder or a socket.
  const bool wrong = code == EISDIR || code == ENOTDIR || code == ENAMETOOLONG || code == ELOOP || code == ENXIO;
  return fail(wrong ? Code::invalid : Code::unavailable, "file.io", path, what);
}

Result<void> refuse_pipe(const struct stat& status, const std::string& path) {
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) return {};
  return fail(Code::invalid, "file.pipe", path, "this is a pipe or a device, and may never end; a file is needed here");
}

Result<std::string> read_all(const File& file, const std::string& path, std::size_t bytes_max) {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(file.fd(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "read");
    if (got == 0) return out;
    if (out.size() + static_cast<std::size_t>(got) > bytes_max) {
      return fail(Code::invalid, "file.large", path, "larger than the " + std::to_string(bytes_max) + " bytes allowed");
    }
    out.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<void> put(int file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t put = ::write(file, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error(path, "write");
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

/// Beside `path`, then in its place.
Result<void> replace(const std::string& path, std::string_view content, unsigned mode) {
  const std::string beside = path + ".new." + std::to_string(::getpid());
  const auto outcome = [&]() -> Result<void> {
    const File file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.fd() < 0) return io_error(path, "write");
    HF_CHECK(put(file.fd(), content, path));
    if (::fsync(file.fd()) != 0) return io_error(path, "sync");
    if (std::rename(beside.c_str(), path.c_str()) != 0) return io_error(path, "rename into place");
    return {};
  }();
  if (!outcome) ::unlink(beside.c_str());  // it may hold a key
  HF_CHECK(outcome);
  const std::size_t slash = path.rfind('/');
  const File directory(
      ::open(slash == std::string::npos ? "." : path.substr(0, slash + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd() < 0 || ::fsync(directory.fd()) != 0) return io_error(path, "sync the folder");
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  // A pipe that nobody writes to is not waited for.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0) return io_error(path, "open");
  HF_CHECK(refuse_pipe(status, path));
  return read_all(file, path, bytes_max);
}

Result<std::string> read_input(const std::string& path, std::size_t bytes_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return io_error(path, "open");
  return read_all(file, path, bytes_max);
}

std::string behind_links(const std::string& path) {
  constexpr int kLinksMax = 40;  // the kernel's
  std::error_code ignored;
  std::filesystem::path out = path;
  for (int links = 0; links < kLinksMax && std::filesystem::is_symlink(out, ignored); ++links) {
    out = out.parent_path() / std::filesystem::read_symlink(out, ignored);
  }
  return out.string();
}

Result<void> write_file(const std::string& path, std::string_view content, unsigned mode) {
  struct stat there {};  // of what a link leads to: /dev/stdout's has no path of its own
  const bool is_there = ::stat(path.c_str(), &there) == 0;
  if (!is_there && errno == ELOOP) return io_error(path, "write");
  if (is_there && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode)) {
    const File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.fd() < 0) return io_error(path, "write");
    return put(file.fd(), content, path);
  }
  return replace(behind_links(path), content, mode);
}

Result<void> require_no_pipe(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? refuse_pipe(status, path) : Result<void>();
}

Result<void> require_private(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return io_error(path, "open");
  if ((status.st_mode & 0077) != 0) {
    return fail(Code::invalid, "key.file.wide", path, "others may read or write this key; run: chmod 600 " + path);
  }
  return {};
}

}  // namespace holdfast
