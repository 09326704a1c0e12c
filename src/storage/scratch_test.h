#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "storage/store.h"

namespace holdfast::storage {

/// A directory for one test, gone with it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-storage-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline LockerId locker(std::uint64_t n) {
  Bytes raw(8, '\x77');
  put_u64(raw, n * 0x9E3779B97F4A7C15u);
  return *LockerId::from(raw);
}

inline Result<Version> put(Store& store, Shelf shelf, std::uint64_t n, Bytes key, Bytes value) {
  const LockerChange change{shelf, locker(n), kAnyVersion, {{std::move(key), std::move(value)}}, {}};
  return store.apply({&change, 1})[0];
}

inline std::string slurp(const std::filesystem::path& path) {
  return read_file(path, std::size_t{1} << 30).value_or(std::string());
}

/// The files beneath `directory` that hold `needle`.
inline std::vector<std::string> grep(const std::string& directory, const std::string& needle) {
  std::vector<std::string> hits;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && slurp(entry.path()).find(needle) != std::string::npos) hits.push_back(entry.path());
  }
  return hits;
}

inline std::vector<std::filesystem::path> files(const std::string& directory, const std::string& extension) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  return found;
}

/// Turns one byte of `path` around, `offset` from its start.
inline void damage(const std::filesystem::path& path, std::size_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x40));
}

}  // namespace holdfast::storage
