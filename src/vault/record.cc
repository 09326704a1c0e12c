#include "vault/record.h"

#include <algorithm>

namespace holdfast::vault {
namespace {

constexpr std::uint8_t kFormat = 1;

tl::unexpected<Error> malformed() {
  return fail(Code::corrupt, "vault.record.malformed", "", "a stored record does not have the form of one");
}

}  // namespace

void Record::set(FieldTag tag, Bytes value) {
  if (values.empty() || values.back().tag < tag) {
    values.push_back({tag, std::move(value)});
    return;
  }
  const auto at = std::lower_bound(values.begin(), values.end(), tag,
                                   [](const FieldValue& field, FieldTag wanted) { return field.tag < wanted; });
  if (at->tag == tag) {
    at->value = std::move(value);
  } else {
    values.insert(at, {tag, std::move(value)});
  }
}

const Bytes* Record::find(FieldTag tag) const {
  const auto at = std::lower_bound(values.begin(), values.end(), tag,
                                   [](const FieldValue& field, FieldTag wanted) { return field.tag < wanted; });
  return at != values.end() && at->tag == tag ? &at->value : nullptr;
}

Result<void> check_record(const Record& record) {
  std::size_t size_bytes = 0;
  for (std::size_t i = 0; i < record.values.size(); ++i) {
    if (i > 0 && record.values[i].tag <= record.values[i - 1].tag) {
      return fail(Code::invalid, "vault.record.order", "", "the fields of a record must have ascending tags");
    }
    size_bytes += record.values[i].value.size() + 9;  // tag, and a length of at most five bytes
  }
  if (record.values.size() > kFieldsMax || size_bytes > kRecordBytesMax) {
    return fail(Code::invalid, "vault.record.large", "", "a record has at most 1024 fields and 1 MiB; send less of it");
  }
  return {};
}

Result<void> encode_record(const Record& record, Bytes& out) {
  HF_CHECK(check_record(record));
  out.push_back(static_cast<char>(kFormat));
  put_varint(out, record.values.size());
  for (const FieldValue& field : record.values) {
    put_u32(out, field.tag);
    put_sized(out, field.value);
  }
  return {};
}

Result<void> decode_record(ByteView in, Record& out) {
  ByteReader reader(in);
  if (reader.u8() != kFormat) return malformed();
  const std::uint64_t count = reader.varint();
  if (!reader.ok() || count > kFieldsMax) return malformed();
  out.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    FieldValue& field = out.values[i];
    field.tag = reader.u32();
    field.value = reader.sized();
    if (!reader.ok() || (i > 0 && field.tag <= out.values[i - 1].tag)) return malformed();
  }
  if (!reader.done()) return malformed();
  return {};
}

}  // namespace holdfast::vault
