#include "storage/rocksdb/copy_places.h"

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "storage/disk.h"

namespace holdfast::storage {

namespace fs = std::filesystem;

tl::unexpected<Error> disk_failure(const fs::path& path, std::error_code why, const std::string& more) {
  Error out = disk_error(why.value(), path.string());
  out.what = out.slug == "storage.disk.full" ? "the disk is full, and nothing of the copy is left there; make room"
                                             : "copying failed: " + why.message() + more;
  return tl::unexpected<Error>(std::move(out));
}

tl::unexpected<Error> place_failure(const std::string& path, std::error_code why) {
  for (const std::errc passing : {std::errc::no_space_on_device, std::errc::io_error, std::errc::not_enough_memory,
                                  std::errc::too_many_files_open, std::errc::too_many_files_open_in_system}) {
    if (why == passing) return disk_failure(path, why);
  }
  if (why.value() == EDQUOT) return disk_failure(path, why);
  return fail(
      Code::invalid, "storage.place", path,
      "no folder can be made or looked into here (" + why.message() +
          "); name another place, or let the server's user write there (in the packaged unit: ReadWritePaths=)");
}

Result<void> sync_copy(const fs::path& path) {
  if (!sync(path.string())) return disk_failure(path, std::error_code(errno, std::system_category()));
  return {};
}

Result<bool> absent_or_empty(const fs::path& path) {
  std::error_code failed;
  const bool there = fs::exists(path, failed);
  const bool is_free = !there || (fs::is_directory(path, failed) && fs::is_empty(path, failed));
  if (failed) return place_failure(path.string(), failed);
  return is_free;
}

Result<fs::path> private_directory(const std::string& directory) {
  std::error_code failed;
  const fs::path path = fs::absolute(directory, failed);
  if (!failed) fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, fs::perms::owner_all, failed);
  if (failed) return place_failure(directory, failed);
  return path;
}

Result<fs::path> resolved(const std::string& path) {
  std::error_code failed;
  if (path.find('\0') != path.npos) return place_failure(path, std::make_error_code(std::errc::invalid_argument));
  fs::path out = fs::weakly_canonical(fs::absolute(behind_links(path), failed), failed);
  if (failed) return place_failure(path, failed);
  if (!out.has_filename()) out = out.parent_path();
  return out;
}

bool within(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace holdfast::storage
