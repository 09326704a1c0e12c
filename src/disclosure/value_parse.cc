#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

#include "disclosure/encoding.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;

struct Expectation {
  std::string_view slug;
  std::string_view what;
};
constexpr std::array<Expectation, 9> kExpected{{
    {"disclosure.value.text",
     "expected a text of at most 65536 bytes of UTF-8, without control characters but tab and line feed"},
    {"disclosure.value.integer", "expected a whole number of at most 64 bits, without leading zeros"},
    {"disclosure.value.decimal",
     "expected a number such as -12.50, of at most 18 digits; write one of more than 15 as a JSON string, since JSON "
     "numbers pass through floating point"},
    {"disclosure.value.boolean", "expected true or false"},
    {"disclosure.value.date", "expected a date that exists, written YYYY-MM-DD"},
    {"disclosure.value.time", "expected a time as in RFC 3339, with its offset, say 2026-11-23T22:00:00Z"},
    {"disclosure.value.duration", "expected a duration such as 90s, 1.5s, 2m, 3h or 250ms, or a number of seconds"},
    {"disclosure.value.bytes", "expected at most 65536 bytes in base64, padded"},
    {"disclosure.value.list",
     "expected a JSON array of at most 1000 texts, 65536 bytes in all, without control characters but tab and line "
     "feed"},
}};

Result<Bytes> encoded(FieldType type, std::optional<Bytes> value) {
  if (value) return std::move(*value);
  const Expectation& expected = kExpected[static_cast<std::size_t>(type)];
  return fail(Code::invalid, expected.slug, "", std::string(expected.what));
}

Bytes start(FieldType type) { return Bytes(1, code_of(type)); }

Bytes number(FieldType type, std::int64_t value) {
  Bytes out = start(type);
  put_varint(out, zigzag(value));
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// UTF-8 without control characters (C0, DEL, C1) but tab and LF.
bool is_clean_text(std::string_view text) {
  if (text.size() > kValueBytesMax || !is_utf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f) return false;
    // C1 in UTF-8 is C2 80..9F: text that was read in the wrong character set.
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

std::optional<Bytes> text(std::string_view in) {
  if (!is_clean_text(in)) return std::nullopt;
  return start(FieldType::text).append(in);
}

std::optional<Bytes> integer(std::string_view in) {
  const std::string_view digits = in.starts_with('-') ? in.substr(1) : in;
  if (digits.empty() || !is_digit(digits.front()) || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(in.data(), in.data() + in.size(), value);
  if (error != std::errc() || end != in.data() + in.size()) return std::nullopt;
  return number(FieldType::integer, value);
}

Bytes decimal(Decimal value) {
  Bytes out = start(FieldType::decimal);
  out.push_back(static_cast<char>(value.scale));
  put_varint(out, zigzag(value.mantissa));
  return out;
}

std::optional<Bytes> decimal(std::string_view in) {
  const auto value = Decimal::parse(in);
  return value ? std::optional(decimal(*value)) : std::nullopt;
}

/// The shortest text that reads back as `value`. Texts of up to 15 digits survive the way through a double, so only
/// those are taken for what was written.
std::optional<Bytes> decimal(double value) {
  if (!std::isfinite(value) || std::fabs(value) >= 1e18) return std::nullopt;
  std::array<char, 512> buffer;
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  const auto parsed = Decimal::parse({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
  if (!parsed) return std::nullopt;
  std::int64_t significant = parsed->mantissa;
  while (significant != 0 && significant % 10 == 0) significant /= 10;
  if (significant > 999'999'999'999'999 || significant < -999'999'999'999'999) return std::nullopt;
  return decimal(*parsed);
}

std::optional<Bytes> boolean(bool value) { return start(FieldType::boolean).append(1, value ? '\1' : '\0'); }

std::optional<Bytes> boolean(std::string_view in) {
  const auto is = [in](std::string_view word) {
    if (in.size() != word.size()) return false;
    for (std::size_t i = 0; i < in.size(); ++i) {
      if ((in[i] | 0x20) != word[i]) return false;
    }
    return true;
  };
  if (in == "1" || is("true")) return boolean(true);
  if (in == "0" || is("false")) return boolean(false);
  return std::nullopt;
}

std::optional<Bytes> date(std::string_view in) {
  const auto days = days_from_date(in);
  return days ? std::optional(number(FieldType::date, *days)) : std::nullopt;
}

std::optional<Bytes> time(std::string_view in) {
  const auto at = from_rfc3339(in);
  if (!at || *at < kTimeMin || *at > kTimeMax) return std::nullopt;
  return number(FieldType::time, *at);
}

/// Seconds, to the nearest millisecond.
std::optional<Bytes> duration(double seconds) {
  if (!(seconds >= 0) || seconds > static_cast<double>(kDurationMsMax) / 1000) return std::nullopt;
  return number(FieldType::duration, std::llround(seconds * 1000));
}

/// `bare`: a number without unit is seconds, as it is in JSON.
std::optional<Bytes> duration(std::string_view in, bool bare) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
  std::int64_t unit_ms = bare ? 1000 : 0;
  for (const auto& [name, ms] : units) {
    if (!in.ends_with(name)) continue;
    unit_ms = ms;
    in.remove_suffix(name.size());
    break;
  }
  const auto count = Decimal::parse(in);
  if (!count || unit_ms == 0 || count->mantissa < 0) return std::nullopt;
  __extension__ using Wide = __int128;
  Wide divisor = 1;
  for (int i = 0; i < count->scale; ++i) divisor *= 10;
  const Wide ms = (Wide{count->mantissa} * unit_ms + divisor / 2) / divisor;
  if (ms > kDurationMsMax) return std::nullopt;
  return number(FieldType::duration, static_cast<std::int64_t>(ms));
}

std::optional<Bytes> bytes(std::string_view in) {
  if (in.size() > kValueBytesMax * 4 / 3 + 4) return std::nullopt;
  const auto raw = from_base64(in);
  if (!raw || raw->size() > kValueBytesMax) return std::nullopt;
  return start(FieldType::bytes).append(*raw);
}

std::optional<Bytes> list(const boost::json::value& value) {
  if (!value.is_array() || value.get_array().size() > kListItemsMax) return std::nullopt;
  Bytes out = start(FieldType::text_list);
  std::size_t size = 0;
  for (const auto& item : value.get_array()) {
    if (!item.is_string() || !is_clean_text(std::string_view(item.get_string()))) return std::nullopt;
    size += item.get_string().size();
    if (size > kValueBytesMax) return std::nullopt;
    put_sized(out, std::string_view(item.get_string()));
  }
  return out;
}

std::optional<Bytes> list(std::string_view in) {
  if (in.size() > 8 * kValueBytesMax) return std::nullopt;  // each byte as an escape, and some
  boost::json::parse_options options;
  options.max_depth = 2;
  boost::json::error_code error;
  const boost::json::value parsed =
      boost::json::parse(boost::json::string_view(in.data(), in.size()), error, {}, options);
  return error ? std::nullopt : list(parsed);
}

std::optional<Bytes> from_string(FieldType type, std::string_view in) {
  switch (type) {
    case FieldType::text:
      return text(in);
    case FieldType::integer:
      return integer(in);
    case FieldType::decimal:
      return decimal(in);
    case FieldType::date:
      return date(in);
    case FieldType::time:
      return time(in);
    case FieldType::duration:
      return duration(in, false);
    case FieldType::bytes:
      return bytes(in);
    default:
      return std::nullopt;
  }
}

std::optional<Bytes> from_integer(FieldType type, std::int64_t in) {
  switch (type) {
    case FieldType::integer:
      return number(FieldType::integer, in);
    case FieldType::decimal:
      return decimal(Decimal{in, 0});
    case FieldType::duration:
      if (in < 0 || in > kDurationMsMax / 1000) return std::nullopt;
      return number(FieldType::duration, in * 1000);
    default:
      return std::nullopt;
  }
}

std::optional<Bytes> from_double(FieldType type, double in) {
  constexpr double exact = 9007199254740992.0;  // up to 2^53 a double tells whole numbers apart
  switch (type) {
    case FieldType::integer:
      if (!(std::fabs(in) <= exact) || std::trunc(in) != in) return std::nullopt;
      return number(FieldType::integer, static_cast<std::int64_t>(in));
    case FieldType::decimal:
      return decimal(in);
    case FieldType::duration:
      return duration(in);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view in) {
  const bool negative = in.starts_with('-');
  if (negative) in.remove_prefix(1);
  const std::size_t point = in.find('.');
  std::string_view whole = in.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "" : in.substr(point + 1);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return std::nullopt;
  if (point != std::string_view::npos && fraction.empty()) return std::nullopt;
  for (const char c : whole) {
    if (!is_digit(c)) return std::nullopt;
  }
  for (const char c : fraction) {
    if (!is_digit(c)) return std::nullopt;
  }
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  if (whole.size() > 19 || fraction.size() > static_cast<std::size_t>(kDecimalScaleMax)) return std::nullopt;
  __extension__ using Wide = __int128;  // 37 digits fit
  Wide value = 0;
  for (const char c : whole) value = value * 10 + (c - '0');
  for (const char c : fraction) value = value * 10 + (c - '0');
  if (negative) value = -value;
  if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
  return Decimal{static_cast<std::int64_t>(value), static_cast<int>(fraction.size())};
}

Result<Bytes> value_from_json(FieldType type, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::string:
      return encoded(type, from_string(type, std::string_view(value.get_string())));
    case boost::json::kind::int64:
      return encoded(type, from_integer(type, value.get_int64()));
    case boost::json::kind::double_:
      return encoded(type, from_double(type, value.get_double()));
    case boost::json::kind::bool_:
      return encoded(type, type == FieldType::boolean ? boolean(value.get_bool()) : std::nullopt);
    case boost::json::kind::array:
      return encoded(type, type == FieldType::text_list ? list(value) : std::nullopt);
    case boost::json::kind::uint64:
      if (value.get_uint64() > INT64_MAX) return encoded(type, std::nullopt);
      return encoded(type, from_integer(type, static_cast<std::int64_t>(value.get_uint64())));
    default:
      return encoded(type, std::nullopt);
  }
}

Result<Bytes> value_from_text(FieldType type, std::string_view in) {
  switch (type) {
    case FieldType::boolean:
      return encoded(type, boolean(in));
    case FieldType::duration:
      return encoded(type, duration(in, true));
    case FieldType::text_list:
      return encoded(type, list(in));
    default:
      return encoded(type, from_string(type, in));
  }
}

}  // namespace holdfast::disclosure
