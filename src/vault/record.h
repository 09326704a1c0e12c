#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::vault {

/// Names a collection, and a field within one, in what is stored: the tags of the compiled agreement. The vault
/// knows neither names nor types; a value is whatever bytes the trustee made of it.
using CollectionId = std::uint32_t;
using FieldTag = std::uint32_t;

inline constexpr std::size_t kFieldsMax = 1024;           ///< of one record
inline constexpr std::size_t kRecordBytesMax = 1u << 20;  ///< one record, encoded

struct FieldValue {
  FieldTag tag = 0;
  Bytes value;
  bool operator==(const FieldValue&) const = default;
};

/// What is held in one collection on one subject, or one row of an append-only collection.
struct Record {
  std::vector<FieldValue> values;  ///< tags ascending, none twice

  /// Puts `value` at its place; replaces an earlier one of that tag. Cheapest when tags come in ascending order.
  void set(FieldTag tag, Bytes value);
  /// The value, owned by the record; null when the record has none of that tag.
  const Bytes* find(FieldTag tag) const;
  bool operator==(const Record&) const = default;
};

/// Errors: invalid "vault.record.order" (tags not ascending), "vault.record.large" (kFieldsMax, kRecordBytesMax).
Result<void> check_record(const Record& record);
/// Appends the one encoding of `record`, so that equal records have equal bytes: u8 format, varint count,
/// then tag (u32) and value (sized) of each field, tags ascending.
/// Errors: as check_record.
Result<void> encode_record(const Record& record, Bytes& out);
/// Goes through the fields of what encode_record wrote, without copying them. The bytes must outlive it.
class FieldReader {
 public:
  explicit FieldReader(ByteView encoded);
  std::uint64_t count() const { return count_; }
  /// False at the end, and when the bytes are no record: then ok() is false.
  bool next();
  /// Every field was there, in order, and nothing else.
  bool ok() const { return ok_; }
  FieldTag tag() const { return tag_; }
  ByteView value() const { return value_; }

 private:
  ByteReader rest_;
  std::uint64_t count_ = 0, seen_ = 0;
  bool ok_ = true;
  FieldTag tag_ = 0;
  ByteView value_;
};

/// corrupt "vault.record.malformed", or invalid "vault.record.large", unless encode_record could have written it.
Result<void> check_encoded(ByteView encoded);
/// Into `out`, whose memory is used again: a loop over records does not allocate for each.
/// Errors: corrupt "vault.record.malformed" for anything that encode_record does not write.
Result<void> decode_record(ByteView in, Record& out);

}  // namespace holdfast::vault
