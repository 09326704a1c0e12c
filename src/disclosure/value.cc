#include "disclosure/value.h"

#include <fmt/format.h>

#include <iterator>

#include "base/json.h"
#include "disclosure/encoding.h"
#include "disclosure/unicode.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;

std::optional<ByteView> body_of(FieldType type, ByteView encoded) {
  if (encoded.empty() || encoded.front() != code_of(type)) return std::nullopt;
  return encoded.substr(1);
}

/// The one zigzag varint that a value of `type` is, if it lies within the bounds.
std::optional<std::int64_t> number_of(FieldType type, ByteView encoded, std::int64_t min, std::int64_t max) {
  const auto body = body_of(type, encoded);
  if (!body) return std::nullopt;
  ByteReader in(*body);
  const std::int64_t value = unzigzag(in.varint());
  if (!in.done() || value < min || value > max) return std::nullopt;
  return value;
}

void append_seconds(std::string& out, std::int64_t ms) {
  fmt::format_to(std::back_inserter(out), "{}", ms / 1000);
  if (ms % 1000 == 0) return;
  fmt::format_to(std::back_inserter(out), ".{:03}", ms % 1000);
  while (out.back() == '0') out.pop_back();
}

/// Appends and answers true, or does nothing and answers false.
bool append_value(std::string& out, FieldType type, ByteView encoded) {
  const auto quoted = [&out](const std::string& plain) { out.append(1, '"').append(plain).append(1, '"'); };
  switch (type) {
    case FieldType::text:
      if (const auto text = text_of(encoded)) return append_json_string(out, *text), true;
      return false;
    case FieldType::integer:
      if (const auto value = integer_of(encoded)) return fmt::format_to(std::back_inserter(out), "{}", *value), true;
      return false;
    case FieldType::decimal:
      if (const auto value = decimal_of(encoded)) return quoted(value->text()), true;
      return false;
    case FieldType::boolean:
      if (const auto value = boolean_of(encoded)) return out += *value ? "true" : "false", true;
      return false;
    case FieldType::date:
      if (const auto days = days_of(encoded)) return quoted(date_from_days(*days)), true;
      return false;
    case FieldType::time:
      if (const auto at = time_of(encoded)) return quoted(to_rfc3339(*at)), true;
      return false;
    case FieldType::duration:
      if (const auto ms = duration_ms_of(encoded)) return append_seconds(out, *ms), true;
      return false;
    case FieldType::bytes:
      if (const auto bytes = bytes_of(encoded)) return quoted(to_base64(*bytes)), true;
      return false;
    case FieldType::text_list:
      if (const auto items = list_of(encoded)) {
        out.push_back('[');
        for (std::size_t i = 0; i < items->size(); ++i) {
          if (i > 0) out.push_back(',');
          append_json_string(out, (*items)[i]);
        }
        return out.push_back(']'), true;
      }
      return false;
  }
  return false;
}

}  // namespace

std::optional<FieldType> stored_type(ByteView encoded) {
  const std::size_t at = encoded.empty() ? std::string_view::npos : kTypeCodes.find(encoded.front());
  return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<FieldType>(at));
}

Result<void> append_json(std::string& out, FieldType type, ByteView encoded) {
  if (append_value(out, type, encoded)) return {};
  return fail(Code::corrupt, "disclosure.value.stored", "",
              fmt::format("a stored value is no {}; was it deposited when the agreement gave its field another type?",
                          agreement::to_string(type)));
}

std::string Decimal::text() const {
  if (scale == 0) return std::to_string(mantissa);
  const bool negative = mantissa < 0;
  // The magnitude of the least integer has no positive twin of the signed type.
  const std::uint64_t magnitude =
      negative ? ~static_cast<std::uint64_t>(mantissa) + 1 : static_cast<std::uint64_t>(mantissa);
  std::string digits = fmt::format("{:0{}}", magnitude, scale + 1);
  digits.insert(digits.size() - static_cast<std::size_t>(scale), 1, '.');
  return negative ? '-' + digits : digits;
}

std::optional<std::string_view> text_of(ByteView encoded) {
  const auto body = body_of(FieldType::text, encoded);
  return body && is_utf8(*body) ? body : std::nullopt;
}

std::optional<std::int64_t> integer_of(ByteView encoded) {
  return number_of(FieldType::integer, encoded, INT64_MIN, INT64_MAX);
}

std::optional<Decimal> decimal_of(ByteView encoded) {
  const auto body = body_of(FieldType::decimal, encoded);
  if (!body) return std::nullopt;
  ByteReader in(*body);
  const int scale = in.u8();
  const std::int64_t mantissa = unzigzag(in.varint());
  if (!in.done() || scale > kDecimalScaleMax) return std::nullopt;
  return Decimal{mantissa, scale};
}

std::optional<bool> boolean_of(ByteView encoded) {
  const auto body = body_of(FieldType::boolean, encoded);
  if (!body || body->size() != 1 || static_cast<unsigned char>(body->front()) > 1) return std::nullopt;
  return body->front() == 1;
}

std::optional<std::int32_t> days_of(ByteView encoded) {
  const auto days = number_of(FieldType::date, encoded, kDaysMin, kDaysMax);
  return days ? std::optional(static_cast<std::int32_t>(*days)) : std::nullopt;
}

std::optional<UnixMillis> time_of(ByteView encoded) { return number_of(FieldType::time, encoded, kTimeMin, kTimeMax); }

std::optional<std::int64_t> duration_ms_of(ByteView encoded) {
  return number_of(FieldType::duration, encoded, 0, kDurationMsMax);
}

std::optional<std::string_view> bytes_of(ByteView encoded) { return body_of(FieldType::bytes, encoded); }

Bytes comparable(FieldType type, ByteView encoded) {
  if (type != FieldType::text || encoded.empty()) return Bytes(encoded);
  return encoded.front() + to_nfc(encoded.substr(1));  // a stored value's first byte is its type
}

std::optional<std::vector<std::string_view>> list_of(ByteView encoded) {
  const auto body = body_of(FieldType::text_list, encoded);
  if (!body) return std::nullopt;
  ByteReader in(*body);
  std::vector<std::string_view> out;
  while (in.ok() && in.left() > 0) {
    out.push_back(in.sized());
    if (out.size() > kListItemsMax || !is_utf8(out.back())) return std::nullopt;
  }
  return in.done() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace holdfast::disclosure
