#include "storage/journal/segment.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace holdfast::storage {
namespace {

constexpr std::uint32_t kMagic = 0x48464a32;  // "HFJ2"
constexpr std::size_t kSummed = 60;           ///< of the header, before its own sum
constexpr std::size_t kHeader = kSummed + 8;
constexpr char kRecordEnd = '\x55';
constexpr std::size_t kSector = 512;  ///< the least that a disk writes whole or not at all

std::uint64_t sum(ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

std::size_t record_size(std::size_t packed_bytes) {
  return (kHeader + packed_bytes + 1 + kBlock - 1) / kBlock * kBlock;
}

void put_record(char* out, const SegmentRecord& record) {
  Bytes header;
  header.reserve(kHeader);
  put_u32(header, kMagic);
  put_u32(header, record.count);
  put_u64(header, record.position);
  put_u64(header, record.begin);
  for (const std::uint64_t mark : record.marks) put_u64(header, mark);
  put_u32(header, static_cast<std::uint32_t>(record.packed.size()));
  put_u64(header, sum(record.packed));
  put_u64(header, sum(header));
  std::memcpy(out, header.data(), kHeader);
  std::ranges::copy(record.packed, out + kHeader);  // which may be nothing
  const std::size_t end = kHeader + record.packed.size();
  out[end] = kRecordEnd;
  std::memset(out + end + 1, 0, record_size(record.packed.size()) - end - 1);
}

struct SegmentReader::Header {
  SegmentRecord record;  ///< without what is packed
  std::size_t size = 0;  ///< of that
  std::uint64_t sum = 0;
};

SegmentReader::SegmentReader(ByteView bytes) : bytes_(bytes), data_end_(data_end_of(bytes)) {}

std::optional<SegmentReader::Header> SegmentReader::header(std::size_t at) const {
  if (at + kHeader > bytes_.size()) return std::nullopt;
  ByteReader in(bytes_.substr(at, kHeader));
  const std::uint32_t magic = in.u32();
  Header out;
  out.record.count = in.u32();
  out.record.position = in.u64();
  out.record.begin = in.u64();
  for (std::uint64_t& mark : out.record.marks) mark = in.u64();
  out.size = in.u32();
  out.sum = in.u64();
  if (magic != kMagic || in.u64() != sum(bytes_.substr(at, kSummed))) return std::nullopt;
  if (out.record.begin > out.record.position || out.record.end() < out.record.position) return std::nullopt;
  return out;
}

std::optional<SegmentRecord> SegmentReader::record(std::size_t at) const {
  const auto found = header(at);
  if (!found || at + kHeader + found->size >= bytes_.size()) return std::nullopt;
  SegmentRecord out = found->record;
  out.packed = bytes_.substr(at + kHeader, found->size);
  if (bytes_[at + kHeader + found->size] != kRecordEnd || sum(out.packed) != found->sum) return std::nullopt;
  return out;
}

std::optional<SegmentRecord> SegmentReader::next() {
  if (at_ >= data_end_) return std::nullopt;
  auto out = record(at_);
  if (out) at_ += record_size(out->packed.size());
  return out;
}

bool SegmentReader::skip() {
  const auto next = whole_record_behind(at_);
  if (next) at_ = *next;
  return next.has_value();
}

std::optional<std::size_t> SegmentReader::whole_record_behind(std::size_t at) const {
  for (at += kBlock; at < data_end_; at += kBlock) {
    if (record(at)) return at;
  }
  return std::nullopt;
}

SegmentReader::End SegmentReader::end() const {
  if (at_ >= data_end_) return at_ + kRoom > bytes_.size() ? End::cut : End::clean;
  if (whole_record_behind(at_)) return End::damaged;
  // Of a header that is whole, the size is true; without one, the end of all is all that is known.
  const auto found = header(at_);
  const std::size_t end = found ? at_ + kHeader + found->size + 1 : data_end_;
  if (std::max(end, at_ + kHeader) + kRoom > bytes_.size()) return End::cut;
  if (data_end_ < end || data_end_ < at_ + kHeader) return End::torn;
  for (std::size_t begin = at_; begin < end; begin += kSector) {
    const ByteView sector = bytes_.substr(begin, std::min(kSector, end - begin));
    if (sector.find_first_not_of('\0') == ByteView::npos) return End::torn;
  }
  return End::damaged;
}

}  // namespace holdfast::storage
