#include "vault/chunk.h"

#include <algorithm>
#include <limits>

namespace holdfast::vault {
namespace {

/// A full chunk, with the last row that still went into it.
constexpr std::size_t kRowsReserved = kChunkBytes + kChunkBytes / 8;

tl::unexpected<Error> malformed() {
  return fail(Code::corrupt, "vault.chunk.malformed", "", "stored rows do not have the form of rows");
}

}  // namespace

bool key_less(ByteView a, ByteView b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

Result<Chunk> Chunk::decode(const ChunkHeader& header, ByteView plaintext) {
  ByteReader reader(plaintext);
  Chunk out;
  out.header_ = header;
  out.running_max_ = reader.sized();
  out.min_key_ = reader.sized();
  out.max_key_ = reader.sized();
  const std::uint64_t shapes = reader.varint();
  // A shape takes a byte at least, so the input bounds what is reserved.
  if (!reader.ok() || shapes > reader.left() || header.last < header.first) return malformed();
  out.shapes_.reserve(shapes);
  for (std::uint64_t i = 0; i < shapes; ++i) {
    const std::uint64_t fields = reader.varint();
    if (!reader.ok() || fields > kFieldsMax || fields * sizeof(FieldTag) > reader.left()) return malformed();
    Shape shape(fields);
    for (std::size_t j = 0; j < fields; ++j) {
      shape[j] = reader.u32();
      if (j > 0 && shape[j] <= shape[j - 1]) return malformed();
    }
    out.shapes_.push_back(std::move(shape));
  }
  out.rows_.reserve(std::max(reader.left(), kRowsReserved));
  out.rows_ = reader.take(reader.left());
  return out;
}

Bytes Chunk::encode() const {
  Bytes out;
  std::size_t shape_bytes = 0;
  for (const Shape& shape : shapes_) shape_bytes += 2 + shape.size() * sizeof(FieldTag);
  out.reserve(rows_.size() + shape_bytes + running_max_.size() + min_key_.size() + max_key_.size() + 16);
  put_sized(out, running_max_);
  put_sized(out, min_key_);
  put_sized(out, max_key_);
  put_varint(out, shapes_.size());
  for (const Shape& shape : shapes_) {
    put_varint(out, shape.size());
    for (const FieldTag tag : shape) put_u32(out, tag);
  }
  out.append(rows_);
  return out;
}

/// Appends the record's values; false, and nothing, if it is of another shape.
bool Chunk::add_values(ByteView record, const Shape& shape) {
  const std::size_t start = rows_.size();
  FieldReader field(record);
  bool same = field.count() == shape.size();
  for (std::size_t i = 0; same && i < shape.size(); ++i) {
    same = field.next() && field.tag() == shape[i];
    if (same) put_sized(rows_, field.value());
  }
  if (!same) rows_.resize(start);
  return same;
}

std::size_t Chunk::shape_of(ByteView record) {
  const auto same = [&](const Shape& shape) {
    FieldReader field(record);
    if (field.count() != shape.size()) return false;
    for (const FieldTag tag : shape) {
      if (!field.next() || field.tag() != tag) return false;
    }
    return true;
  };
  // The newest shapes first: rows come in runs of one shape.
  for (std::size_t i = shapes_.size(); i-- > 0;) {
    if (same(shapes_[i])) return i;
  }
  Shape shape;
  FieldReader field(record);
  shape.reserve(field.count());
  while (field.next()) shape.push_back(field.tag());
  shapes_.push_back(std::move(shape));
  return shapes_.size() - 1;
}

void Chunk::add(ByteView key, UnixMillis deposited, ByteView record) {
  if (header_.count == 0) {
    header_.first = deposited;
    rows_.reserve(kRowsReserved);
  }
  header_.last = deposited;
  if (header_.count == 0 || key_less(key, min_key_)) min_key_ = key;
  if (header_.count == 0 || key_less(max_key_, key)) max_key_ = key;
  if (key_less(running_max_, key)) running_max_ = key;
  ++header_.count;
  put_sized(rows_, key);
  put_varint(rows_, static_cast<std::uint64_t>(deposited - header_.first));
  // Rows come in runs of one shape, so it is most likely the newest.
  const std::size_t start = rows_.size();
  if (!shapes_.empty()) {
    put_varint(rows_, shapes_.size() - 1);
    if (add_values(record, shapes_.back())) return;
    rows_.resize(start);
  }
  const std::size_t shape = shape_of(record);
  put_varint(rows_, shape);
  HF_ASSERT(add_values(record, shapes_[shape]));
}

Chunk Chunk::successor() const {
  Chunk out(header_.number + 1);
  out.header_.first = out.header_.last = header_.last;
  out.running_max_ = running_max_;
  return out;
}

Result<Chunk> Chunk::after(UnixMillis cutoff) const {
  Chunk out(header_.number);
  out.header_.first = out.header_.last = header_.last;
  Record record;
  Bytes encoded;
  RowReader row(*this);
  while (row.next()) {
    if (row.deposited() <= cutoff) continue;
    row.copy_to(record);
    encoded.clear();
    HF_CHECK(encode_record(record, encoded));
    out.add(row.key(), row.deposited(), encoded);
  }
  if (!row.ok()) return malformed();
  out.running_max_ = running_max_;  // those that went count on, so that later ones need no search
  return out;
}

bool RowReader::next() {
  if (seen_ == chunk_.header_.count) {
    ok_ = rest_.done();
    return false;
  }
  ++seen_;
  key_ = rest_.sized();
  const std::uint64_t since = rest_.varint();
  const std::uint64_t shape = rest_.varint();
  const ChunkHeader& header = chunk_.header_;
  // Unsigned, so that no pair of times overflows.
  const std::uint64_t span = static_cast<std::uint64_t>(header.last) - static_cast<std::uint64_t>(header.first);
  ok_ = rest_.ok() && since <= span && shape < chunk_.shapes_.size();
  if (!ok_) return false;
  deposited_ = static_cast<UnixMillis>(static_cast<std::uint64_t>(header.first) + since);
  shape_ = &chunk_.shapes_[shape];
  values_.resize(shape_->size());
  for (ByteView& value : values_) value = rest_.sized();
  ok_ = rest_.ok();
  return ok_;
}

bool RowReader::holds(ByteView record) const {
  FieldReader field(record);
  if (field.count() != values_.size()) return false;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (!field.next() || field.tag() != (*shape_)[i] || field.value() != values_[i]) return false;
  }
  return true;
}

void RowReader::copy_to(Record& out) const {
  out.values.resize(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    out.values[i].tag = (*shape_)[i];
    out.values[i].value = values_[i];
  }
}

}  // namespace holdfast::vault
