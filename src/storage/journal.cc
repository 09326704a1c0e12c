#include "storage/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/rules.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

/// What one file grows to, unless a single record is longer. The least that is taken away at once.
constexpr std::size_t kSegmentBytes = 8u << 20;
/// Zeroed at a time: some hundred batches' worth, which costs the one append that meets it a millisecond.
constexpr std::size_t kAhead = 1u << 20;
constexpr std::size_t kSegmentBytesMax = 1u << 30;
/// A buffer for a record is kept for the next one if it is not larger.
constexpr std::size_t kBlocksKept = 8u << 20;
constexpr std::size_t kDigits = 20;

alignas(kBlock) char zeros[kAhead];  // never written; not in the program's file

tl::unexpected<Error> failed(int reason, const std::string& path) {
  return tl::unexpected<Error>(disk_error(reason, path));
}

tl::unexpected<Error> damaged(const std::string& path) { return tl::unexpected<Error>(damage(path)); }

/// The first `size` bytes, whole blocks. The file may grow and shrink behind them meanwhile, and is written past the
/// page cache, so it is read past it too.
Result<void> copy_blocks(const std::string& from, std::size_t size, const std::string& to) {
  const Blocks blocks = make_blocks(kAhead);
  if (!blocks) return failed(ENOMEM, to);
  HF_TRY(const DirectFile source, DirectFile::open(from, O_RDONLY));
  HF_TRY(DirectFile target, DirectFile::open(to, O_WRONLY | O_CREAT | O_TRUNC));
  for (std::size_t at = 0; at < size;) {
    HF_TRY(const std::size_t got, source.read(blocks.get(), std::min(size - at, kAhead), at));
    HF_CHECK(target.write(blocks.get(), got, at));
    at += got;
  }
  return {};
}

struct FileName {
  std::string journal;
  std::uint64_t start = 0;
};

std::optional<FileName> parse(const std::string& file) {
  const std::size_t dot = file.rfind('.');
  if (dot == std::string::npos || file.size() - dot - 1 != kDigits) return std::nullopt;
  FileName out{file.substr(0, dot), 0};
  std::ranges::replace(out.journal, '+', '/');
  const char* const last = file.data() + file.size();
  const auto [at, wrong] = std::from_chars(file.data() + dot + 1, last, out.start);
  if (at != last || wrong != std::errc() || !check_name(out.journal)) return std::nullopt;
  return out;
}

}  // namespace

Journal::Journal(std::string folder, std::string name, Options options)
    : folder_(std::move(folder)), name_(std::move(name)), options_(options) {}

Journal::~Journal() { close_last(); }

std::string Journal::path(std::uint64_t start) const {
  std::string file = name_, digits = std::to_string(start);
  std::ranges::replace(file, '/', '+');
  return folder_ + "/" + file + "." + std::string(kDigits - digits.size(), '0') + digits;
}

// ---- Opening

Result<Journal::ByName> Journal::open_all(const std::string& folder, Options options) {
  std::error_code error;
  if (options.read_only && !fs::exists(folder, error)) {
    return tl::unexpected<Error>(part_missing(folder));
  }
  if (!options.read_only && fs::create_directory(folder, error)) {
    fs::permissions(folder, fs::perms::owner_all, error);
    HF_CHECK(sync(fs::path(folder).parent_path().string()));
  }
  std::map<std::string, std::vector<std::uint64_t>> starts;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto name = parse(it->path().filename().string());
    if (name) starts[name->journal].push_back(name->start);
  }
  if (error) return failed(error.value(), folder);
  ByName out;
  for (auto& [name, numbers] : starts) {
    auto journal = std::make_unique<Journal>(folder, name, options);
    std::ranges::sort(numbers);
    HF_CHECK(journal->load(std::move(numbers)));
    out.emplace(name, std::move(journal));
  }
  return out;
}

/// From the last file back to the one in which the journal begins. What lies before is left from a removal that a power
/// cut undid.
Result<void> Journal::load(std::vector<std::uint64_t> starts) {
  std::optional<std::uint64_t> begin;  // as the newest record says
  std::vector<std::uint64_t> dropped;
  while (!starts.empty() && (!begin || segments_.front().start > *begin)) {
    HF_TRY(const Loaded loaded, load_segment(starts.back(), segments_.empty()));
    const Segment& segment = loaded.segment;
    if (!segments_.empty() && segment.end != segments_.front().start) {
      if (!options_.drop_damaged) return damaged(path(segment.start));
      for (const Segment& later : std::exchange(segments_, {})) dropped.push_back(later.start);
      begin.reset();
    }
    if (!begin) begin = loaded.begin;
    segments_.push_front(segment);
    starts.pop_back();
  }
  begin_ = begin.value_or(0);
  end_ = segments_.back().end;
  if (segments_.front().start > begin_) return damaged(path(begin_));
  if (options_.read_only) return {};
  for (const auto& left : {starts, dropped}) {
    for (const std::uint64_t start : left) ::unlink(path(start).c_str());
  }
  HF_CHECK(open_last(0));  // which cuts what is behind its last record
  close_last();
  return {};
}

Result<Journal::Loaded> Journal::load_segment(std::uint64_t start, bool is_last) {
  const std::string path = this->path(start);
  const auto bytes = read_file(path, kSegmentBytesMax);
  if (!bytes) return fail(Code::unavailable, "storage.io", path, bytes.error().what);
  Loaded out{{start, start, 0}, std::nullopt};
  SegmentReader reader(*bytes);
  bool follows = true;
  while (const auto record = reader.next()) {
    follows = record->position == out.segment.end && record->begin <= record->position;
    if (!follows) break;
    out.segment.end += record->count;
    out.segment.size = reader.at();
    out.begin = record->begin;
  }
  const auto ending = follows ? reader.end() : SegmentReader::End::damaged;
  const bool as_expected = ending == SegmentReader::End::clean || (is_last && ending == SegmentReader::End::torn);
  if (!as_expected && !options_.drop_damaged) return damaged(path);
  return out;
}

// ---- Appending

Result<void> Journal::append(std::uint64_t position, std::uint32_t count, ByteView packed) {
  HF_ASSERT(position == end_);
  HF_CHECK(health());
  if (options_.read_only) return failed(EROFS, folder_);
  if (hold_.use_count() == 1) begin_ = std::max(begin_, std::min<std::uint64_t>(trim_to_, end_));
  if (auto written = write_record({position, count, begin_, packed}); !written) {
    failed_ = true;
    return written;
  }
  end_ += count;
  segments_.back().end = end_;
  remove_trimmed();
  return {};
}

Result<void> Journal::write_record(const SegmentRecord& record) {
  const std::size_t size = record_size(record.packed.size());
  if (segments_.empty() || (segments_.back().size > 0 && segments_.back().size + size > kSegmentBytes)) {
    HF_CHECK(begin_segment());
  } else if (!file_.is_open()) {
    HF_CHECK(open_last(0));
  }
  Segment& last = segments_.back();
  // The space first: what fails for want of room must not be there whole all the same.
  HF_CHECK(zero_ahead(last.size + size));
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

Result<void> Journal::begin_segment() {
  close_last();
  segments_.push_back({end_, end_, 0});
  HF_CHECK(open_last(O_CREAT | O_TRUNC));
  return sync(folder_);
}

/// Ends the file behind its last record, so that zeros follow whatever a torn one left there.
Result<void> Journal::open_last(int flags) {
  const Segment& last = segments_.back();
  HF_TRY(file_, DirectFile::open(path(last.start), O_WRONLY | O_DSYNC | flags));
  HF_CHECK(file_.truncate(last.size));
  zeroed_ = last.size;
  return {};
}

void Journal::close_last() {
  if (!file_.is_open()) return;
  // The zeros are of no use to anybody, and do no harm if they stay.
  static_cast<void>(file_.truncate(segments_.back().size).has_value());
  file_.close();
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
  for (const Segment& segment : segments_) {
    if (segment.size > 0) out.parts_.push_back({path(segment.start), segment.end, segment.size});
  }
  return out;
}

Result<void> Journal::Held::read(std::uint64_t from, const Visit& visit) const {
  from = std::max(from, begin_);
  for (const Part& part : parts_) {
    if (part.end <= from) continue;
    auto bytes = read_file(part.path, kSegmentBytesMax);
    if (!bytes) return fail(Code::unavailable, "storage.io", part.path, bytes.error().what);
    SegmentReader reader(ByteView(*bytes).substr(0, part.size));
    while (const auto record = reader.next()) {
      if (record->position + record->count <= from) continue;
      if (!visit(record->position, record->count, record->packed)) return {};
    }
    if (reader.at() != part.size) return damaged(part.path);
  }
  return {};
}

Result<void> Journal::Held::copy_to(const std::string& folder) const {
  for (const Part& part : parts_) {
    const std::string copy = folder + "/" + fs::path(part.path).filename().string();
    HF_CHECK(copy_blocks(part.path, part.size, copy));
    HF_CHECK(sync(copy));
  }
  return {};
}

}  // namespace holdfast::storage
