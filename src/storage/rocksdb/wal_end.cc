// Where a write-ahead log and a manifest end. Such a file is blocks of 32 KiB with fragments in them: CRC-32C (4,
// masked), length (2, little-endian), type (1), payload. A record is one fragment, or a first, middle ones, and a last.
#include "storage/rocksdb/wal_end.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/bytes.h"
#include "storage/disk.h"
#include "storage/rocksdb/files.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kLogBytesMax = 1u << 30;
constexpr std::size_t kBlock = 32u << 10, kHeader = 7, kSector = 512;
enum Type : unsigned char { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Fragment {
  std::size_t begin = 0, size = 0;  ///< with its header
  Type type = kZero;
};

class RecordLog {
 public:
  explicit RecordLog(ByteView bytes) : bytes_(bytes), data_end_(data_end_of(bytes)) {}

  /// What is to be made of what stands behind the last whole record. `room` was kept behind it, whether it was whole or
  /// not.
  LogEnd end(bool room) const {
    LogEnd out{sound_end(), LogEnd::torn, 0};
    const Extent last = extent(out.at);
    const bool more = out.at < data_end_;
    if (more && (a_record_begins_after(out.at) || only_its_length_is_wrong(out.at))) {
      out.how = LogEnd::damaged;
    } else if (room && !has_room(last.end)) {
      out.how = LogEnd::cut;
    } else if (more && !is_torn(out.at, last)) {
      out.how = LogEnd::damaged;
    }
    out.behind = more ? data_end_ - out.at : 0;
    return out;
  }

  /// Does the file reach to where a header behind `at` would end, and if there is one, what follows it?
  bool has_room(std::size_t at) const {
    at = header_at(at);
    if (at + kHeader > bytes_.size()) return false;
    return byte(at + 6) < kFull || byte(at + 6) > kLast || reach(at) <= bytes_.size();
  }

  /// Behind the last of the records that are as they were written, from the first one on.
  std::size_t sound_end() const {
    std::size_t at = 0, end = 0;
    for (auto next = fragment(at); next && is_sound(*next); next = fragment(at)) {
      at = next->begin + next->size;
      if (next->type == kFull || next->type == kLast) end = at;
    }
    return end;
  }

 private:
  unsigned char byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }

  /// Here, or at the next block where no header fits in this one.
  static std::size_t header_at(std::size_t at) {
    const std::size_t left = kBlock - at % kBlock;
    return left < kHeader ? at + left : at;
  }

  /// The one whose header is at `at` or behind; judged by its header alone.
  std::optional<Fragment> fragment(std::size_t at) const {
    at = header_at(at);
    if (at + kHeader > bytes_.size()) return std::nullopt;
    const auto type = static_cast<Type>(byte(at + 6));
    const std::size_t size = kHeader + byte(at + 4) + (std::size_t{byte(at + 5)} << 8);
    if (type < kFull || type > kLast || at % kBlock + size > kBlock || at + size > bytes_.size()) return std::nullopt;
    return Fragment{at, size, type};
  }

  bool is_sound(const Fragment& fragment) const {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;  // CRC-32C
    crc.process_bytes(bytes_.data() + fragment.begin + 6, fragment.size - 6);
    const std::uint32_t sum = crc.checksum();
    const std::uint32_t masked = ((sum >> 15) | (sum << 17)) + 0xa282ead8u;
    std::uint32_t stored = 0;
    for (std::size_t i = 0; i < 4; ++i) stored |= std::uint32_t{byte(fragment.begin + i)} << (8 * i);
    return masked == stored;
  }

  bool a_record_begins_after(std::size_t damaged) const {
    for (std::size_t at = damaged + 1; at + kHeader <= data_end_; ++at) {
      const auto type = byte(at + 6);
      if ((type != kFull && type != kFirst) || kBlock - at % kBlock < kHeader) continue;
      const auto here = fragment(at);
      if (here && is_sound(*here)) return true;
    }
    return false;
  }

  /// The sum is not over the length: if it holds of all that is there, that was the whole last record.
  bool only_its_length_is_wrong(std::size_t damaged) const {
    std::size_t at = damaged;
    for (auto next = fragment(at); next && is_sound(*next); next = fragment(at)) at = next->begin + next->size;
    at = header_at(at);
    if (at + kHeader > data_end_ || at / kBlock != (data_end_ - 1) / kBlock) return false;
    return is_sound({at, data_end_ - at, kZero});
  }

  /// Of the one record that begins somewhere, by its headers alone.
  struct Extent {
    std::size_t end = 0;
    bool whole = false;
  };
  Extent extent(std::size_t begin) const {
    Extent out{begin, false};
    for (auto next = fragment(begin); next && !out.whole; next = fragment(out.end)) {
      out.end = next->begin + next->size;
      out.whole = next->type == kFull || next->type == kLast;
    }
    return out;
  }

  /// Was a part of what begins here never written? Then its end or a sector of it is still of zeros, or the file ends
  /// in it.
  bool is_torn(std::size_t damaged, const Extent& last) const {
    const std::size_t at = last.whole ? last.end : header_at(last.end);
    const bool has_header = last.whole || at + kHeader <= data_end_;  // which ends in its type
    if (!has_header || (!last.whole && reach(at) > bytes_.size())) return true;
    if (data_end_ < at) return true;  // it ends in kRecordEnd
    // What follows a record was written after its sync.
    if (last.whole && data_end_ > at && has_its_length(damaged)) return false;
    const std::size_t extent = std::max(at, data_end_);
    for (std::size_t begin = damaged; begin < extent;) {
      const std::size_t end = std::min((begin / kSector + 1) * kSector, extent);
      if (bytes_.substr(begin, end - begin).find_first_not_of('\0') == ByteView::npos) return true;
      begin = end;
    }
    return false;
  }
  /// A header that lies in two sectors may be there without the first of them.
  bool has_its_length(std::size_t begin) const {
    begin = header_at(begin);
    const std::size_t here = std::min(kHeader, kSector - begin % kSector);
    return here == kHeader || bytes_.substr(begin, here).find_first_not_of('\0') != ByteView::npos;
  }
  /// Where the fragment at `at` would end by its length.
  std::size_t reach(std::size_t at) const { return at + kHeader + byte(at + 4) + (std::size_t{byte(at + 5)} << 8); }

  ByteView bytes_;
  std::size_t data_end_;  ///< behind the last byte that is not zero
};

/// Zeros behind `end`, as they are written ahead: all that is there, and room for another record.
Result<void> zero_behind(const std::string& path, const LogEnd& end) {
  if (end.behind == 0 && end.how != LogEnd::cut) return {};
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(end.at));
  file << Bytes(std::max(kBlock, end.behind), '\0') << std::flush;
  if (!file) return tl::unexpected<Error>(disk_error(errno, path));
  return sync(path);
}

Result<void> cut_behind(const std::string& path, std::size_t end) {
  std::error_code failed;
  if (std::filesystem::file_size(path, failed) != end && !failed) std::filesystem::resize_file(path, end, failed);
  if (failed) return tl::unexpected<Error>(disk_error(failed.value(), path));
  return {};
}

/// `synced`: what the list says.
Result<std::size_t> manifest_end(const std::string& path, std::uint64_t synced) {
  HF_TRY(const Bytes bytes, read_stored(path, kLogBytesMax));
  const std::size_t end = RecordLog(bytes).sound_end();
  if (bytes.size() < synced) return tl::unexpected<Error>(cut_short(path));
  if (end < synced) return tl::unexpected<Error>(damage(path));
  return end;
}

Result<LogEnd> log_end(const std::string& path, bool noted) {
  HF_TRY(const Bytes bytes, read_stored(path, kLogBytesMax));
  return RecordLog(bytes).end(noted);  // one that is not noted yet was being made, and holds nothing
}

/// A log is begun when the records of the one before are on disk: only the last one that has any can be torn.
void judge_by_those_that_follow(LogEnds::ByName& logs) {
  bool followed = false;
  for (auto log = logs.rbegin(); log != logs.rend(); ++log) {
    LogEnd& end = log->second;
    if (followed && end.how == LogEnd::torn && end.behind > 0) end.how = LogEnd::damaged;
    followed = followed || end.at > 0;
  }
}

/// What follows damage goes with it, in the next logs too: there is no hole in what happened.
void drop_what_follows_damage(LogEnds::ByName& logs) {
  bool dropped = false;
  for (auto& [name, end] : logs) {
    if (dropped && end.at + end.behind > 0) end = {0, LogEnd::damaged, end.at + end.behind};
    dropped = dropped || end.how != LogEnd::torn;
  }
}

}  // namespace

Result<LogEnds> ends_of(const std::string& directory, bool drop_damaged) {
  HF_TRY(const FileList noted, read_list_if_any(directory + "/" + kListFile));
  LogEnds out;
  const auto manifest = current_manifest(directory);
  if (!manifest && manifest.error().code != Code::not_found) return tl::unexpected<Error>(manifest.error());
  if (manifest) {
    const auto synced = noted.find(*manifest);
    HF_TRY(const std::size_t end,
           manifest_end(directory + "/" + *manifest, synced == noted.end() ? 0 : synced->second));
    out.manifest.emplace(*manifest, end);
  }
  std::error_code failed;
  for (std::filesystem::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() != ".log") continue;
    const std::string name = it->path().filename();
    HF_TRY(out.logs[name], log_end(it->path(), noted.contains(name)));
  }
  if (failed) return tl::unexpected<Error>(disk_error(failed.value(), directory));
  judge_by_those_that_follow(out.logs);
  for (const auto& [name, end] : out.logs) {
    const std::string path = directory + "/" + name;
    if (!drop_damaged && end.how == LogEnd::damaged) return tl::unexpected<Error>(damage(path));
    if (!drop_damaged && end.how == LogEnd::cut) return tl::unexpected<Error>(cut_short(path));
  }
  drop_what_follows_damage(out.logs);
  return out;
}

Result<void> end_logs(const std::string& directory, bool drop_damaged) {
  HF_TRY(const LogEnds ends, ends_of(directory, drop_damaged));
  if (ends.manifest) HF_CHECK(cut_behind(directory + "/" + ends.manifest->first, ends.manifest->second));
  // Backwards: a kill meanwhile leaves damage that is met again, and never a hole before what is whole.
  for (auto end = ends.logs.rbegin(); end != ends.logs.rend(); ++end) {
    HF_CHECK(zero_behind(directory + "/" + end->first, end->second));
  }
  return {};
}

}  // namespace holdfast::storage
