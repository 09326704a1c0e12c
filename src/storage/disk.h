#pragma once

// The embedded engine's inside: files past the page cache, and what is said of a disk that fails.

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::storage {

/// unavailable: "storage.disk.full" for ENOSPC and EDQUOT, "storage.io" for any other errno.
Error disk_error(int reason, const std::string& path);
/// read_file of what was stored and must be there. Errors: corrupt "storage.corrupt", for what is no file of that size
/// at all; unavailable "storage.io".
Result<Bytes> read_stored(const std::string& path, std::size_t bytes_max);
/// corrupt "storage.corrupt". Names 'holdfast repair' too, if the damage is_mendable.
Error damage(const std::string& path);
/// corrupt "storage.corrupt", of a file that is shorter than it was: a write-ahead log or a journal's file, which keep
/// zeros behind their last record, or a manifest. Names 'holdfast repair' as damage() does.
Error cut_short(const std::string& path);
/// The journals' files lie there, in the log's part of a store.
inline constexpr const char* kJournalsFolder = "journals";
/// Does RocksOptions::drop_damaged_tail help with the damage that `error` tells of? What a write-ahead log or a journal
/// lost is behind the damage, or gone already; what any other file lost may be anything, and only a backup helps.
bool is_mendable(const Error& error);
/// not_found "storage.part.missing".
Error part_missing(const std::string& path);
/// As Store::health, of a part in which a write failed.
Error write_failed(const std::string& path);
/// What a disk may want the address, place and size of a direct write to be a multiple of.
inline constexpr std::size_t kBlock = 4096;

struct FreeBlocks {
  void operator()(char* blocks) const { std::free(blocks); }
};
using Blocks = std::unique_ptr<char, FreeBlocks>;
/// Room for `size` bytes, whole blocks; null for want of memory.
Blocks make_blocks(std::size_t size);

/// A file whose whole blocks are read and written past the page cache, where the file system has that. Errors of all
/// calls: as disk_error.
class DirectFile {
 public:
  DirectFile() = default;
  /// `flags` as open(2)'s; private to its owner if it is made.
  static Result<DirectFile> open(const std::string& path, int flags);
  ~DirectFile() { close(); }
  DirectFile(DirectFile&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}
  DirectFile& operator=(DirectFile&& other) noexcept;

  bool is_open() const { return file_ >= 0; }
  Result<void> write(const char* blocks, std::size_t size, std::size_t at);
  /// At least one byte of what is there.
  Result<std::size_t> read(char* blocks, std::size_t size, std::size_t at) const;
  void close();

 private:
  tl::unexpected<Error> failed(int reason) const { return tl::unexpected<Error>(disk_error(reason, path_)); }

  std::string path_;
  int file_ = -1;
};

/// Behind the last byte that is not zero.
std::size_t data_end_of(ByteView bytes);

/// fsync of a file or folder. Errors: as disk_error.
Result<void> sync(const std::string& path);

}  // namespace holdfast::storage
