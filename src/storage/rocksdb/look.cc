#include "storage/rocksdb/look.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "storage/rocksdb/wal_end.h"

namespace holdfast::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSSequentialFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// A file of which only the first bytes are there.
class EndedFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  EndedFile(std::unique_ptr<FSSequentialFile> file, std::size_t size)
      : FSSequentialFileOwnerWrapper(std::move(file)), left_(size) {}
  IOStatus Read(std::size_t size, const IOOptions& options, Slice* out, char* scratch, IODebugContext* debug) override {
    IOStatus done = FSSequentialFileOwnerWrapper::Read(std::min(size, left_), options, out, scratch, debug);
    left_ -= std::min(left_, out->size());
    return done;
  }
  IOStatus Skip(std::uint64_t size) override {
    left_ -= std::min<std::uint64_t>(left_, size);
    return FSSequentialFileOwnerWrapper::Skip(size);
  }

 private:
  std::size_t left_;
};

class EndedLogs final : public rocksdb::FileSystemWrapper {
 public:
  explicit EndedLogs(bool drop_damaged)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), drop_damaged_(drop_damaged) {}
  const char* Name() const override { return "holdfast.ended"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<FSSequentialFile>* out, IODebugContext* debug) override {
    IOStatus made = FileSystemWrapper::NewSequentialFile(path, options, out, debug);
    const std::filesystem::path file = path;
    const std::string name = file.filename();
    if (!made.ok() || (file.extension() != ".log" && !name.starts_with("MANIFEST-"))) return made;
    const auto ends = ends_of(file.parent_path(), drop_damaged_);
    if (!ends) return IOStatus::Corruption(ends.error().where);
    if (const auto log = ends->logs.find(name); log != ends->logs.end()) {
      *out = std::make_unique<EndedFile>(std::move(*out), log->second.at);
    } else if (ends->manifest && ends->manifest->first == name) {
      *out = std::make_unique<EndedFile>(std::move(*out), ends->manifest->second);
    }
    return made;
  }

 private:
  const bool drop_damaged_;
};

std::unique_ptr<rocksdb::Env> make_env(bool drop_damaged) {
  return rocksdb::NewCompositeEnv(std::make_shared<EndedLogs>(drop_damaged));
}

}  // namespace

rocksdb::Env* ended_logs_env(bool drop_damaged) {
  static const std::unique_ptr<rocksdb::Env> as_a_start = make_env(false), as_a_repair = make_env(true);
  return drop_damaged ? as_a_repair.get() : as_a_start.get();
}

}  // namespace holdfast::storage
