#pragma once

// Folders that copies of a store are made in, by a backup or a restore.

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"

namespace holdfast::storage {

/// Of a copy that is being made, whoever reads it: the store itself is as it was. `more` goes behind the reason.
tl::unexpected<Error> disk_failure(const std::filesystem::path& path, std::error_code why,
                                   const std::string& more = {});
/// Of a place where nothing can be made: invalid "storage.place". Trying again helps only where the disk or the process
/// lacked something: then as disk_failure.
tl::unexpected<Error> place_failure(const std::string& path, std::error_code why);

/// Errors: as disk_failure.
Result<void> sync_copy(const std::filesystem::path& path);
/// Errors of the three: as place_failure.
Result<bool> absent_or_empty(const std::filesystem::path& path);
/// Made if need be, for its owner alone.
Result<std::filesystem::path> private_directory(const std::string& directory);
/// Where `path` leads, through links, as far as it exists.
Result<std::filesystem::path> resolved(const std::string& path);
/// Of two that are resolved.
bool within(const std::filesystem::path& inner, const std::filesystem::path& outer);

/// Removes what a failed step made, unless told that it succeeded.
class Undo {
 public:
  void add(std::filesystem::path path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    std::error_code ignored;
    for (const std::filesystem::path& path : paths_) std::filesystem::remove_all(path, ignored);
  }

 private:
  std::vector<std::filesystem::path> paths_;
};

}  // namespace holdfast::storage
