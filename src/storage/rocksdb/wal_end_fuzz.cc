#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/rocksdb/files.h"
#include "storage/rocksdb/wal_end.h"

namespace {

void put(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// A database's folder with a log and a manifest in its list.
struct Folder {
  Folder() {
    std::error_code ignored;  // in memory if there is such a place: every end is synced
    name = std::filesystem::is_directory("/dev/shm", ignored) ? "/dev/shm/wal-XXXXXX" : "/tmp/wal-XXXXXX";
    HF_ASSERT(::mkdtemp(name.data()));
    HF_ASSERT(holdfast::write_file(name + "/CURRENT", "MANIFEST-000004\n"));
    for (const char* file : {"/000007.log", "/MANIFEST-000004"}) {
      HF_ASSERT(holdfast::storage::note_file(name + file, 0));
    }
    clear();
  }
  ~Folder() { std::filesystem::remove_all(name); }
  /// Of records: room is all that there is.
  void clear() const {
    put(name + "/000007.log", std::string(40'000, '\0'));
    put(name + "/MANIFEST-000004", {});
  }
  std::string name;
};

}  // namespace

/// The input: a write-ahead log or a manifest as it lies on the disk. Ended, it begins as it did, and ending it once
/// more changes nothing; how it ends is known before.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::storage;
  static const Folder folder;
  if (size == 0) return 0;
  const std::string path = folder.name + (data[0] % 2 ? "/000007.log" : "/MANIFEST-000004");
  const Bytes bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  put(path, bytes);
  const bool sound = ends_of(folder.name, false).has_value();
  for (const bool drop : {false, true}) {
    const auto known = ends_of(folder.name, drop);
    const auto done = end_logs(folder.name, drop);
    HF_ASSERT(done.has_value() == (sound || drop) && known.has_value() == done.has_value());
    const Bytes ended = *read_file(path);
    const std::size_t end = data_end_of(ended);
    HF_ASSERT(ended.substr(0, end) == bytes.substr(0, end) && (done || ended == bytes));
    if (done && data[0] % 2) HF_ASSERT(end == data_end_of(bytes.substr(0, known->logs.at("000007.log").at)));
    HF_ASSERT(end_logs(folder.name, drop).has_value() == done.has_value() && *read_file(path) == ended);
  }
  folder.clear();
  return 0;
}
