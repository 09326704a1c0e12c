#include "storage/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"

namespace holdfast::storage {

Error disk_error(int reason, const std::string& path) {
  if (reason == ENOSPC || reason == EDQUOT) {
    return {Code::unavailable, "storage.disk.full", path,
            "the disk is full and nothing was acknowledged; free some space and restart the server"};
  }
  const bool forbidden = reason == EACCES || reason == EPERM;
  return {Code::unavailable, "storage.io", path,
          "reading or writing failed (" + std::string(std::strerror(reason)) + "), nothing was acknowledged; " +
              (forbidden ? "let the server's user do that" : "mend the disk") + " and restart the server"};
}

Result<Bytes> read_stored(const std::string& path, std::size_t bytes_max) {
  Result<Bytes> bytes = read_file(path, bytes_max);
  if (bytes) return bytes;
  if (bytes.error().code != Code::unavailable) {  // nothing that was written is there: a link to nothing, a folder
    return fail(Code::corrupt, "storage.corrupt", path,
                bytes.error().what + "; put it back as it was, or restore a backup");
  }
  std::string what = std::move(bytes).error().what;
  if (what.find(';') == what.npos) what += "; mend the disk and restart the server";  // no advice yet
  return fail(Code::unavailable, "storage.io", path, std::move(what));
}

Error damage(const std::string& path) {
  Error out{Code::corrupt, "storage.corrupt", path,
            "a stored checksum does not match what the disk gives back; check the disk and restore a backup"};
  if (is_mendable(out)) out.what += ", or read what 'holdfast repair' would drop";
  return out;
}

bool is_mendable(const Error& error) {
  const std::filesystem::path file = error.where;
  if (error.slug == "storage.changes.lost") return true;
  return error.slug == "storage.corrupt" &&
         (file.extension() == ".log" || file.parent_path().filename() == kJournalsFolder);
}

Error cut_short(const std::string& path) {
  Error out{Code::corrupt, "storage.corrupt", path,
            "this file is shorter than it was written, and what stood in the rest may have been acknowledged; put it "
            "back as it was, or restore a backup"};
  if (is_mendable(out)) out.what += ", or read what 'holdfast repair' would drop";
  return out;
}

Error part_missing(const std::string& path) {
  return {Code::not_found, "storage.part.missing", path,
          "this part of the store is gone; put it back, or restore a backup"};
}

Error write_failed(const std::string& path) {
  return {Code::unavailable, "storage.failed", path,
          "a write failed, and what of it is on disk is known after the next start; see to the disk and restart the "
          "server"};
}

Blocks make_blocks(std::size_t size) { return Blocks(static_cast<char*>(std::aligned_alloc(kBlock, size))); }

Result<DirectFile> DirectFile::open(const std::string& path, int flags) {
  DirectFile out;
  out.path_ = path;
  out.file_ = ::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC, 0600);
  if (out.file_ < 0 && errno == EINVAL) out.file_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (out.file_ < 0) return out.failed(errno);
  return out;
}

DirectFile& DirectFile::operator=(DirectFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

Result<void> DirectFile::write(const char* blocks, std::size_t size, std::size_t at) {
  while (size > 0) {
    const ssize_t done = ::pwrite(file_, blocks, size, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed(errno);
    blocks += done, size -= static_cast<std::size_t>(done), at += static_cast<std::size_t>(done);
  }
  return {};
}

Result<std::size_t> DirectFile::read(char* blocks, std::size_t size, std::size_t at) const {
  while (true) {
    const ssize_t got = ::pread(file_, blocks, size, static_cast<off_t>(at));
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0 || errno != EINTR) return failed(got == 0 ? EIO : errno);
  }
}

void DirectFile::close() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

std::size_t data_end_of(ByteView bytes) {
  static constexpr std::array<char, kBlock> kZeros{};
  // A block at a time: there may be megabytes of zeros.
  while (bytes.size() >= kZeros.size() &&
         std::memcmp(bytes.data() + bytes.size() - kZeros.size(), kZeros.data(), kZeros.size()) == 0) {
    bytes.remove_suffix(kZeros.size());
  }
  return bytes.find_last_not_of('\0') + 1;  // npos + 1 is 0
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
