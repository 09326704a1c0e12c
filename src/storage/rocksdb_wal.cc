#include "storage/rocksdb_wal.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "storage/rocksdb_files.h"

namespace holdfast::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// Zeroed at a time: some hundred batches' worth, which costs the one append that meets it a sync of its own.
constexpr std::uint64_t kAhead = 256u << 10;
/// Always zeroed behind what is appended: a block of the log's and a header, and then some.
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
  IOStatus begin() { return zero_until(kRoom); }

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    // The space first: what fails for want of room must not be there whole all the same.
    if (auto done = zero_ahead(end_ + data.size()); !done.ok()) return done;
    if (auto done = put(data.data(), data.size(), end_); !done.ok()) return done;
    end_ += data.size();
    return IOStatus::OK();
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0) return failed(path_);
    end_ = zeroed_ = size;
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
  /// Makes the file longer than `end`, where what is appended will end, by kRoom at least. Only what lies behind that
  /// is zeroed. The length is on disk before what needs it is written: no kill and no power cut leaves a record that
  /// the file's end cuts, or that ends with the file, so that one which does was cut afterwards (end_logs).
  IOStatus zero_ahead(std::uint64_t end) {
    if (end + kRoom <= zeroed_) return IOStatus::OK();
    zeroed_ = std::max(zeroed_, end);
    return zero_until(((end + kRoom) / kAhead + 1) * kAhead);
  }
  IOStatus zero_until(std::uint64_t until) {
    static constexpr std::array<char, 16u << 10> kZeros{};
    while (zeroed_ < until) {
      const auto size = std::min<std::uint64_t>(kZeros.size(), until - zeroed_);
      if (auto done = put(kZeros.data(), static_cast<std::size_t>(size), zeroed_); !done.ok()) return done;
      zeroed_ += size;
    }
    return ::fdatasync(file_) == 0 ? IOStatus::OK() : failed(path_);
  }

  const std::string path_;
  int file_;
  std::uint64_t end_ = 0;     ///< of what was appended
  std::uint64_t zeroed_ = 0;  ///< the file's size
};

/// RocksDB writes several records before it syncs; here each is synced before the next one begins.
class ManifestFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::Append;
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (auto done = sync_before(options, debug); !done.ok()) return done;
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& sums,
                  IODebugContext* debug) override {
    if (auto done = sync_before(options, debug); !done.ok()) return done;
    return FSWritableFileOwnerWrapper::Append(data, options, sums, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    unsynced_ = false;
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    unsynced_ = false;
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  IOStatus sync_before(const IOOptions& options, IODebugContext* debug) {
    return std::exchange(unsynced_, true) ? FSWritableFileOwnerWrapper::Sync(options, debug) : IOStatus::OK();
  }

  bool unsynced_ = false;
};

class LogsFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  LogsFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "holdfast.logs"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options, std::unique_ptr<FSWritableFile>* out,
                           IODebugContext* debug) override {
    if (!path.ends_with(".log")) {
      auto made = FileSystemWrapper::NewWritableFile(path, options, out, debug);
      if (made.ok() && is_manifest(path)) *out = std::make_unique<ManifestFile>(std::move(*out));
      return made;
    }
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return failed(path);
    auto log = std::make_unique<WalFile>(path, file, options);
    if (auto begun = log->begin(); !begun.ok()) return begun;
    *out = std::move(log);
    return noted(note_log(path));
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (path.ends_with(".log")) {
      if (auto forgotten = noted(forget_log(path)); !forgotten.ok()) return forgotten;
    }
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }

 private:
  static IOStatus noted(const Result<void>& done) {
    if (done) return IOStatus::OK();
    return done.error().slug == "storage.disk.full" ? IOStatus::NoSpace(done.error().where)
                                                    : IOStatus::IOError(done.error().where);
  }
};

}  // namespace

bool is_manifest(const std::string& path) { return path.find("/MANIFEST-") != std::string::npos; }

rocksdb::Env* logs_env() {
  static const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(std::make_shared<LogsFileSystem>());
  return env.get();
}

}  // namespace holdfast::storage
