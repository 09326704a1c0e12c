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
inline constexpr std::size_t kRecordKeyBytesMax = 512;    ///< what tells the records of an append-only collection apart

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
/// Into `out`, whose memory is used again: a loop over records does not allocate for each.
/// Errors: corrupt "vault.record.malformed" for anything that encode_record does not write.
Result<void> decode_record(ByteView in, Record& out);

}  // namespace holdfast::vault
