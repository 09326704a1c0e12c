#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "storage/disk.h"

/// A journal's file: records one behind the other, each from a block's start on, in space that was zeroed before. A
/// record is a header, what was packed, and a byte that is not zero; zeros fill its last block. Numbers are big-endian.
///
///     magic (4) | count (4) | position (8) | begin (8) | marks (24) | size (4) | XXH3 of packed (8) | XXH3 of all this
///     (8)
///
/// A record of no entries is a note: of where the journal begins, or, if anything is packed, that another file follows.
/// Each is on disk before the next one is begun, so that a power cut tears the last at most, and that was acknowledged
/// to nobody. Zeros are on disk before a record is written over them, and kRoom of them stay behind it: a file that has
/// none was longer.
namespace holdfast::storage {

inline constexpr std::size_t kRoom = kBlock;

/// How many changes of records, of keys and of the log's database were on disk before a record was written. So what a
/// write-ahead log lost is missed, even where zeros stand in its place.
using Marks = std::array<std::uint64_t, 3>;

struct SegmentRecord {
  std::uint64_t position = 0;  ///< of its first entry
  std::uint32_t count = 0;     ///< of entries
  std::uint64_t begin = 0;     ///< what lies before is trimmed
  Marks marks{};
  ByteView packed;  ///< borrowed

  std::uint64_t end() const { return position + count; }
  bool ends_file() const { return count == 0 && !packed.empty(); }
};

/// With the zeros behind it: a multiple of kBlock.
std::size_t record_size(std::size_t packed_bytes);
/// Writes the record to `out`, which has room for its record_size().
void put_record(char* out, const SegmentRecord& record);

/// Walks over the records of a file, which it borrows, and judges what stands behind the last.
class SegmentReader {
 public:
  enum class End {
    clean,    ///< nothing
    torn,     ///< a record that was not written whole: its end or one of its sectors is of zeros
    cut,      ///< the file ends in what stands there, or leaves no room behind it
    damaged,  ///< what was whole once, or is followed by a record
  };
  explicit SegmentReader(ByteView bytes);

  /// Nothing at the end.
  std::optional<SegmentRecord> next();
  /// Goes on at the next whole record, behind damage; false where there is none.
  bool skip();
  /// Behind the last one: where the next one belongs.
  std::size_t at() const { return at_; }
  End end() const;

 private:
  struct Header;
  std::optional<Header> header(std::size_t at) const;
  std::optional<SegmentRecord> record(std::size_t at) const;
  std::optional<std::size_t> whole_record_behind(std::size_t at) const;

  ByteView bytes_;
  std::size_t data_end_;  ///< behind the last byte that is not zero
  std::size_t at_ = 0;
};

}  // namespace holdfast::storage
