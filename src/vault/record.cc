#include "vault/record.h"

#include <algorithm>

namespace holdfast::vault {
namespace {

constexpr std::uint8_t kFormat = 1;

tl::unexpected<Error> malformed() {
  return fail(Code::corrupt, "vault.record.malformed", "", "a stored record does not have the form of one");
}

tl::unexpected<Error> too_large() {
  return fail(Code::invalid, "vault.record.large", "", "a record has at most 1024 fields and 1 MiB; send less of it");
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
    return too_large();
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

FieldReader::FieldReader(ByteView encoded) : rest_(encoded) {
  ok_ = rest_.u8() == kFormat;
  count_ = rest_.varint();
  ok_ = ok_ && rest_.ok() && count_ <= kFieldsMax;
}

bool FieldReader::next() {
  if (!ok_) return false;
  if (seen_ == count_) {
    ok_ = rest_.done();
    return false;
  }
  const FieldTag before = tag_;
  tag_ = rest_.u32();
  value_ = rest_.sized();
  ok_ = rest_.ok() && (seen_ == 0 || tag_ > before);
  ++seen_;
  return ok_;
}

Result<void> check_encoded(ByteView encoded) {
  if (encoded.size() > kRecordBytesMax) return too_large();
  FieldReader field(encoded);
  while (field.next()) {
  }
  if (!field.ok()) return malformed();
  return {};
}

Result<void> decode_record(ByteView in, Record& out) {
  FieldReader field(in);
  if (!field.ok()) return malformed();
  out.values.resize(field.count());
  for (FieldValue& into : out.values) {
    if (!field.next()) return malformed();
    into.tag = field.tag();
    into.value = field.value();
  }
  if (field.next() || !field.ok()) return malformed();
  return {};
}

}  // namespace holdfast::vault
