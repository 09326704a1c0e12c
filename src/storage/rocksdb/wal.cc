#include "storage/rocksdb/wal.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "storage/rocksdb/files.h"

namespace holdfast::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// Zeroed at a time: some hundred batches' worth, which costs the one sync that meets it a fraction of a millisecond.
constexpr std::uint64_t kAhead = 256u << 10;
/// How much longer than what is in it a file is made at a time, at the price of a sync: a hole, which is zeroed later.
constexpr std::uint64_t kLonger = 4u << 20;
/// Always behind what is appended: a block of the log's and a header, and then some.
constexpr std::uint64_t kRoom = 64u << 10;

IOStatus failed(const std::string& path) {
  const std::string why = path + ": " + std::strerror(errno);
  return errno == ENOSPC ? IOStatus::NoSpace(why) : IOStatus::IOError(why);
}

class WalFile final : public FSWritableFile {
 public:
  WalFile(std::string path, int file, const FileOptions& options)
      : FSWritableFile(options), path_(std::move(path)), file_(file) {}
  ~WalFile() override {
    if (file_ >= 0) ::close(file_);
  }

  /// Before anything else.
  IOStatus begin() { return lengthen(kRoom); }

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    // The space first: what fails for want of room must not be there whole all the same.
    if (auto done = lengthen(end_ + data.size() + kRoom); !done.ok()) return done;
    if (auto done = zero_ahead(end_ + data.size()); !done.ok()) return done;
    if (auto done = put(data.data(), data.size(), end_); !done.ok()) return done;
    end_ += data.size();
    return IOStatus::OK();
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0) return failed(path_);
    end_ = zeroed_ = length_ = size;
    return IOStatus::OK();
  }
  /// The zeros stay, and say that nothing is cut off.
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return ::close(std::exchange(file_, -1)) == 0 ? IOStatus::OK() : failed(path_);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }  // nothing is held back
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return ::fdatasync(file_) == 0 ? IOStatus::OK() : failed(path_);
  }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return ::fsync(file_) == 0 ? IOStatus::OK() : failed(path_);
  }
  bool IsSyncThreadSafe() const override { return true; }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return end_; }
  void PrepareWrite(std::size_t, std::size_t, const IOOptions&, IODebugContext*) override {}  // zero_ahead() is that

 private:
  IOStatus put(const char* data, std::size_t size, std::uint64_t at) {
    while (size > 0) {
      const ssize_t put = ::pwrite(file_, data, size, static_cast<off_t>(at));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed(path_);
      data += put, size -= static_cast<std::size_t>(put), at += static_cast<std::uint64_t>(put);
    }
    return IOStatus::OK();
  }
  /// Makes the file reach to `end` at least. Its length is on disk before what needs it is written: no kill and no
  /// power cut leaves a record that the file's end cuts, or that ends with the file, so that one which does was cut
  /// afterwards (end_logs).
  IOStatus lengthen(std::uint64_t end) {
    if (end <= length_) return IOStatus::OK();
    const std::uint64_t length = (end / kLonger + 1) * kLonger;
    if (auto done = put("", 1, length - 1); !done.ok()) return done;  // a zero
    if (::fdatasync(file_) != 0) return failed(path_);
    length_ = length;
    return IOStatus::OK();
  }
  /// Zeros behind `end`, where what is appended will end.
  IOStatus zero_ahead(std::uint64_t end) {
    static constexpr std::array<char, 16u << 10> kZeros{};
    const std::uint64_t until = end < zeroed_ ? zeroed_ : std::min((end / kAhead + 1) * kAhead, length_);
    zeroed_ = std::max(zeroed_, end);
    while (zeroed_ < until) {
      const auto size = std::min<std::uint64_t>(kZeros.size(), until - zeroed_);
      if (auto done = put(kZeros.data(), static_cast<std::size_t>(size), zeroed_); !done.ok()) return done;
      zeroed_ += size;
    }
    return IOStatus::OK();
  }

  const std::string path_;
  int file_;
  std::uint64_t end_ = 0;     ///< of what was appended
  std::uint64_t zeroed_ = 0;  ///< behind it, no hole
  std::uint64_t length_ = 0;  ///< the file's, on disk
};

IOStatus noted(const Result<void>& done) {
  if (done) return IOStatus::OK();
  return done.error().slug == "storage.disk.full" ? IOStatus::NoSpace(done.error().where)
                                                  : IOStatus::IOError(done.error().where);
}

/// In a folder that a checkpoint is being made in, which gets its list when all is there (note_files_of), and is synced
/// before that (backup.cc).
bool is_copy(const std::string& path) { return std::filesystem::path(path).parent_path().extension() == ".tmp"; }
bool is_log(const std::string& path) { return path.ends_with(".log"); }
bool is_manifest(const std::string& path) { return path.find("/MANIFEST-") != std::string::npos; }

/// The list says how far it is synced before the engine is told that it is.
class ManifestFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  ManifestFile(std::string path, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)) {}
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus synced = FSWritableFileOwnerWrapper::Sync(options, debug);
    return synced.ok() ? noted(note_file(path_, GetFileSize(options, debug))) : synced;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override { return Sync(options, debug); }

 private:
  const std::string path_;
};

/// Of a copy, which nobody counts on yet.
class UnsyncedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
};

class LogsFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  LogsFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "holdfast.logs"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options, std::unique_ptr<FSWritableFile>* out,
                           IODebugContext* debug) override {
    if (!is_log(path)) {
      auto made = FileSystemWrapper::NewWritableFile(path, options, out, debug);
      if (!made.ok()) return made;
      if (is_copy(path) && !path.ends_with(".sst")) {
        *out = std::make_unique<UnsyncedFile>(std::move(*out));
      } else if (is_manifest(path)) {
        *out = std::make_unique<ManifestFile>(path, std::move(*out));
      }
      return made;
    }
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return failed(path);
    auto log = std::make_unique<WalFile>(path, file, options);
    if (auto begun = log->begin(); !begun.ok()) return begun;
    *out = std::move(log);
    return is_copy(path) ? IOStatus::OK() : noted(note_file(path, kRoom));
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (is_log(path) || is_manifest(path)) {
      if (auto forgotten = noted(forget_file(path)); !forgotten.ok()) return forgotten;
    }
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }
};

}  // namespace

rocksdb::Env* logs_env() {
  static const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(std::make_shared<LogsFileSystem>());
  return env.get();
}

}  // namespace holdfast::storage
