// Where a write-ahead log and a manifest end. Such a file is blocks of 32 KiB with fragments in them: CRC-32C (4,
// masked), length (2, little-endian), type (1), payload. A record is one fragment, or a first, middle ones, and a last.
#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "storage/disk.h"
#include "storage/rocksdb_files.h"
#include "storage/rocksdb_wal.h"

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

  /// Behind the last whole record.
  struct End {
    std::size_t at = 0;
    bool rotten = false;  ///< what lies behind was whole once
    bool cut = false;     ///< the file was longer
  };
  /// Nothing: leave it as it is. `room` was kept behind the last record, whether it is whole or not.
  std::optional<End> end(bool room) const {
    std::size_t at = 0;               // behind what was walked over
    std::size_t last = 0;             // where the last record begins
    std::vector<Fragment> fragments;  // of the last record
    bool whole = true;
    for (auto next = fragment(at); next; next = fragment(at)) {
      const bool begins = next->type == kFull || next->type == kFirst;
      if (begins != whole) break;
      if (begins) last = next->begin, fragments.clear();
      fragments.push_back(*next);
      whole = next->type == kFull || next->type == kLast;
      at = next->begin + next->size;
    }
    const bool good = whole && std::ranges::all_of(fragments, [this](const Fragment& f) { return is_sound(f); });
    const std::size_t damaged = good ? at : last;
    if (damaged < data_end_ && (a_record_begins_after(damaged) || only_its_length_is_wrong(damaged))) {
      return End{damaged, true, false};
    }
    if (room && !has_room(at)) return End{damaged, false, true};
    if (damaged < data_end_ && !is_torn(damaged)) return std::nullopt;
    return End{damaged, false, false};
  }

  /// Does the file reach to where a header behind `at` would end, and if there is one, what follows it?
  bool has_room(std::size_t at) const {
    at = header_at(at);
    if (at + kHeader > bytes_.size()) return false;
    return byte(at + 6) < kFull || byte(at + 6) > kLast || reach(at) <= bytes_.size();
  }
  std::size_t data_end() const { return data_end_; }

  /// Behind the last of the records that are as they were written, from the first one on.
  std::size_t sound_end() const {
    std::size_t at = 0, end = 0;
    for (auto next = fragment(at); next && is_sound(*next); next = fragment(at)) {
      at = next->begin + next->size;
      if (next->type == kFull || next->type == kLast) end = at;
    }
    return end;
  }
  bool is_sound_until(std::size_t at) const { return header_at(sound_end()) >= at; }

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

  /// Was a part of what begins here never written? Then its end or a sector of it is still of zeros, or the file ends
  /// in it.
  bool is_torn(std::size_t damaged) const {
    std::size_t at = damaged;
    bool whole = false;
    for (auto next = fragment(at); next && !whole; next = fragment(at)) {
      at = next->begin + next->size;
      whole = next->type == kFull || next->type == kLast;
    }
    if (!whole) {
      at = header_at(at);
      if (at + kHeader > data_end_ || reach(at) > bytes_.size()) return true;  // a header ends in its type
    }
    if (data_end_ < at) return true;  // it ends in kRecordEnd
    const std::size_t extent = std::max(at, data_end_);
    for (std::size_t begin = damaged; begin < extent;) {
      const std::size_t end = std::min((begin / kSector + 1) * kSector, extent);
      if (bytes_.substr(begin, end - begin).find_first_not_of('\0') == ByteView::npos) return true;
      begin = end;
    }
    return false;
  }
  /// Where the fragment at `at` would end by its length.
  std::size_t reach(std::size_t at) const { return at + kHeader + byte(at + 4) + (std::size_t{byte(at + 5)} << 8); }

  ByteView bytes_;
  std::size_t data_end_;  ///< behind the last byte that is not zero
};

/// Zeros behind `end`, as they are written ahead: all that is there, and room for another record. Not behind damage:
/// the engine refuses it, and without what follows it the next start might take it for torn.
Result<void> zero_behind(const std::string& path, std::size_t end, const RecordLog& log) {
  if ((end >= log.data_end() && log.has_room(end)) || !log.is_sound_until(end)) return {};
  const std::size_t size = std::max(end + kBlock, log.data_end()) - end;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(end));
  file << Bytes(size, '\0') << std::flush;
  if (!file) return tl::unexpected<Error>(disk_error(errno, path));
  return sync(path);
}

Result<void> end_log(const std::string& path, std::optional<std::uint64_t> noted, EndLogs how) {
  HF_TRY(const Bytes bytes, read_file(path, kLogBytesMax));
  const RecordLog log(bytes);
  // One that is not noted yet was being made, and holds nothing.
  const auto found = log.end(noted.has_value());
  if (!found) return {};
  if (found->rotten && !how.drop_damaged) return tl::unexpected<Error>(damage(path));
  if (found->cut && !how.drop_damaged) return tl::unexpected<Error>(cut_short(path));
  return how.read_only ? Result<void>() : zero_behind(path, found->at, log);
}

/// `synced`: what the list says.
Result<void> end_manifest(const std::string& path, std::uint64_t synced, EndLogs how) {
  HF_TRY(const Bytes bytes, read_file(path, kLogBytesMax));
  const std::size_t end = RecordLog(bytes).sound_end();
  if (bytes.size() < synced) return tl::unexpected<Error>(cut_short(path));
  if (end < synced) return tl::unexpected<Error>(damage(path));
  if (how.read_only || end == bytes.size()) return {};
  std::error_code failed;
  std::filesystem::resize_file(path, end, failed);
  if (failed) return tl::unexpected<Error>(disk_error(failed.value(), path));
  return {};
}

}  // namespace

Result<void> end_logs(const std::string& directory, EndLogs how) {
  HF_TRY(const FileList noted, read_list_if_any(directory + "/" + kListFile));
  const auto bytes_of = [&](const std::string& name) {
    const auto there = noted.find(name);
    return there == noted.end() ? std::nullopt : std::optional(there->second);
  };
  const auto manifest = current_manifest(directory);
  if (!manifest && manifest.error().code != Code::not_found) return tl::unexpected<Error>(manifest.error());
  if (manifest) HF_CHECK(end_manifest(directory + "/" + *manifest, bytes_of(*manifest).value_or(0), how));
  std::error_code failed;
  for (std::filesystem::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() != ".log") continue;
    HF_CHECK(end_log(it->path(), bytes_of(it->path().filename()), how));
  }
  if (failed) return tl::unexpected<Error>(disk_error(failed.value(), directory));
  return {};
}

std::optional<std::string> damaged_log(const std::string& directory) {
  return first_file(directory, ".log", [](const std::string& path) {
    const auto bytes = read_file(path, kLogBytesMax);
    if (!bytes) return false;
    const RecordLog log(*bytes);
    return log.sound_end() < log.data_end();
  });
}

}  // namespace holdfast::storage
