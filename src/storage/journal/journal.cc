#include "storage/journal/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "storage/disk.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

/// What one file grows to, unless a single record is longer. The least that is taken away at once.
constexpr std::size_t kSegmentBytes = 8u << 20;
/// Zeroed at a time: some hundred batches' worth, which costs the one append that meets it a millisecond.
constexpr std::size_t kAhead = 1u << 20;
/// A buffer for a record is kept for the next one if it is not larger.
constexpr std::size_t kBlocksKept = 8u << 20;
/// Of a file that is copied: between two the disk takes what requests wait for.
constexpr std::size_t kPiece = 256u << 10;
/// Of its records, read between two turns of requests.
constexpr unsigned kTurn = 32;
/// What says, in place of entries, that another file follows.
constexpr ByteView kAnotherFollows = "\x01";

alignas(kBlock) char zeros[kAhead];  // never written; not in the program's file

tl::unexpected<Error> failed(int reason, const std::string& path) {
  return tl::unexpected<Error>(disk_error(reason, path));
}

tl::unexpected<Error> damaged(const std::string& path) { return tl::unexpected<Error>(damage(path)); }

Result<std::size_t> size_of(const std::string& path) {
  std::error_code unknown;
  const std::size_t size = fs::file_size(path, unknown);
  if (unknown) return failed(unknown.value(), path);
  return size;
}

/// The first `size` bytes, whole blocks. The file may grow and shrink behind them meanwhile, and is written past the
/// page cache, so it is read past it too.
Result<Blocks> read_blocks(const std::string& path, std::size_t size) {
  Blocks out = make_blocks(std::max(size, kBlock));
  if (!out) return failed(ENOMEM, path);
  HF_TRY(const DirectFile file, DirectFile::open(path, O_RDONLY));
  for (std::size_t at = 0; at < size;) {
    HF_TRY(const std::size_t got, file.read(out.get() + at, std::min(kPiece, size - at), at));
    at += got;
  }
  return out;
}

}  // namespace

Journal::Journal(std::string folder, std::string name, Options options)
    : folder_(std::move(folder)), name_(std::move(name)), options_(options) {}

std::string Journal::path(std::uint64_t start) const {
  std::string file = name_, digits = std::to_string(start);
  std::ranges::replace(file, '/', '+');
  return folder_ + "/" + file + "." + std::string(kDigits - digits.size(), '0') + digits;
}

// ---- Appending

Result<void> Journal::append(std::uint64_t position, std::uint32_t count, ByteView packed, const Marks& marks) {
  HF_ASSERT(position == end_);
  HF_CHECK(health());
  if (options_.read_only) return failed(EROFS, folder_);
  if (hold_.use_count() == 1) begin_ = std::max(begin_, std::min<std::uint64_t>(trim_to_, end_));
  marks_ = marks;
  if (auto written = write_record({position, count, begin_, marks_, packed}); !written) {
    failed_ = true;
    return written;
  }
  end_ += count;
  segments_.back().end = end_;
  remove_trimmed();
  return {};
}

Result<void> Journal::mark(const Marks& marks) {
  if (segments_.empty()) return {};
  marks_ = marks;
  return write_record({end_, 0, begin_, marks_, {}});
}

Result<void> Journal::write_record(const SegmentRecord& record) {
  const bool full = !segments_.empty() && segments_.back().end > segments_.back().start &&
                    segments_.back().size + record_size(record.packed.size()) > kSegmentBytes;
  if (segments_.empty() || full) {
    HF_CHECK(begin_segment());
  } else if (!file_.is_open()) {
    HF_CHECK(open_last());
  }
  return put(record);
}

/// The last file is open.
Result<void> Journal::put(const SegmentRecord& record) {
  const std::size_t size = record_size(record.packed.size());
  Segment& last = segments_.back();
  // The space first: what fails for want of room must not be there whole all the same.
  HF_CHECK(zero_ahead(last.size + size + kRoom));
  if (blocks_size_ < size) {
    blocks_ = make_blocks(size);
    blocks_size_ = blocks_ ? size : 0;
    if (!blocks_) return failed(ENOMEM, path(last.start));
  }
  put_record(blocks_.get(), record);
  HF_CHECK(file_.write(blocks_.get(), size, last.size));
  last.size += size;
  if (blocks_size_ > kBlocksKept) blocks_.reset(), blocks_size_ = 0;
  return {};
}

/// The new file is there, and has room, before the old one says so.
Result<void> Journal::begin_segment() {
  HF_TRY(DirectFile next, DirectFile::open(path(end_), O_WRONLY | O_DSYNC | O_CREAT | O_TRUNC));
  if (auto room = next.write(zeros, kAhead, 0); !room) {
    ::unlink(path(end_).c_str());  // or a start on a disk that is still full would want to make it whole
    return room;
  }
  HF_CHECK(sync(folder_));
  if (!segments_.empty()) {
    if (!file_.is_open()) HF_CHECK(open_last());
    HF_CHECK(put({end_, 0, begin_, marks_, kAnotherFollows}));
  } else {
    HF_CHECK(note_begun(folder_, {name_}));
  }
  file_ = std::move(next);
  zeroed_ = kAhead;
  segments_.push_back({end_, end_, 0, 0});
  return {};
}

/// Zeros behind the last record, whatever a torn one left there, and room.
Result<void> Journal::clear_behind_last() {
  const Segment& last = segments_.back();
  const std::string file = path(last.start);
  HF_TRY(const std::size_t size, size_of(file));
  HF_TRY(DirectFile out, DirectFile::open(file, O_WRONLY | O_DSYNC));
  const std::size_t end = std::max(size, last.size + kRoom);
  for (std::size_t at = last.size; at < end; at += kAhead) HF_CHECK(out.write(zeros, kAhead, at));
  return {};
}

/// Zeros are behind its last record.
Result<void> Journal::open_last() {
  const std::string file = path(segments_.back().start);
  HF_TRY(const std::size_t size, size_of(file));
  HF_TRY(file_, DirectFile::open(file, O_WRONLY | O_DSYNC));
  zeroed_ = size / kBlock * kBlock;
  return {};
}

Result<void> Journal::zero_ahead(std::size_t size) {
  while (zeroed_ < size) {
    HF_CHECK(file_.write(zeros, kAhead, zeroed_));
    zeroed_ += kAhead;
  }
  return {};
}

void Journal::trim(std::uint64_t position) {
  std::uint64_t known = trim_to_;
  while (known < position && !trim_to_.compare_exchange_weak(known, position)) {
  }
}

/// After an append: the last file holds a record, which says where the journal begins.
void Journal::remove_trimmed() {
  for (; segments_.size() > 1 && segments_[1].start <= begin_; segments_.pop_front()) {
    ::unlink(path(segments_.front().start).c_str());  // one that stays is found again at the next start
  }
}

Result<void> Journal::health() const {
  if (!failed_) return {};
  return tl::unexpected<Error>(write_failed(folder_));
}

// ---- Reading

Journal::Held Journal::hold() const {
  Held out;
  out.hold_ = hold_;
  out.begin_ = begin_;
  for (const Segment& segment : segments_) out.parts_.push_back({path(segment.start), segment});
  return out;
}

/// The part's records, in the bytes that its file has.
Result<void> Journal::Held::visit(const Part& part, ByteView bytes,
                                  const std::function<bool(const SegmentRecord&)>& visit) {
  const ByteView records = bytes.substr(0, part.segment.size);
  SegmentReader reader(records.substr(std::min(part.segment.from, records.size())));
  while (const auto record = reader.next()) {
    if (!visit(*record)) return {};
  }
  if (part.segment.from + reader.at() != part.segment.size) return damaged(part.path);
  return {};
}

Result<void> Journal::Held::read(std::uint64_t from, const Visit& take) const {
  from = std::max(from, begin_);
  bool more = true;
  for (const Part& part : parts_) {
    if (part.segment.end <= from) continue;
    HF_TRY(const Bytes bytes, read_stored(part.path, kFileBytesMax));
    HF_CHECK(visit(part, bytes, [&](const SegmentRecord& record) {
      if (record.count > 0 && record.end() > from) more = take(record.position, record.count, record.packed);
      return more;
    }));
    if (!more) break;
  }
  return {};
}

Result<void> Journal::Held::copy_to(const std::string& folder) const {
  for (const Part& part : parts_) {
    const std::string path = folder + "/" + fs::path(part.path).filename().string();
    const std::size_t size = part.segment.size;
    HF_TRY(const Blocks blocks, read_blocks(part.path, size));
    // Nobody else looks at what is in these files before it is needed.
    HF_CHECK(visit(part, ByteView(blocks.get(), size), [looked = 0u](const SegmentRecord&) mutable {
      if (++looked % kTurn == 0) std::this_thread::yield();  // to requests: all of a file takes milliseconds
      return true;
    }));
    HF_TRY(DirectFile copy, DirectFile::open(path, O_WRONLY | O_CREAT | O_TRUNC));
    for (std::size_t at = 0; at < size; at += std::min(kPiece, size - at)) {
      HF_CHECK(copy.write(blocks.get() + at, std::min(kPiece, size - at), at));
    }
    HF_CHECK(copy.write(zeros, kRoom, size));
    HF_CHECK(sync(path));
  }
  return {};
}

}  // namespace holdfast::storage
