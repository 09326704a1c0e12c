#include "disclosure/form.h"

#include <fmt/format.h>

#include <iterator>

#include "agreement/form.h"
#include "base/json.h"
#include "disclosure/unicode.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;
using Kind = agreement::Form::Kind;
__extension__ using Wide = __int128;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr int kOldestBandFrom = 90;

Wide floor_div(Wide a, Wide b) { return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0); }

Wide power_of_ten(int exponent) {
  Wide out = 1;
  while (exponent-- > 0) out *= 10;
  return out;
}

tl::unexpected<Error> not_stored(FieldType type) {
  return fail(Code::corrupt, "disclosure.value.stored", "",
              fmt::format("a stored value is no {}; was it deposited when the agreement gave its field another type?",
                          agreement::to_string(type)));
}

std::chrono::year_month_day day_of(std::int64_t days) {
  return std::chrono::sys_days(std::chrono::days(static_cast<std::int32_t>(days)));
}

/// Of a date or a time, in UTC.
std::optional<std::chrono::year_month_day> calendar_day(FieldType type, ByteView encoded) {
  if (type == FieldType::date) {
    const auto days = days_of(encoded);
    return days ? std::optional(day_of(*days)) : std::nullopt;
  }
  const auto at = time_of(encoded);
  return at ? std::optional(day_of(static_cast<std::int64_t>(floor_div(*at, kDayMs)))) : std::nullopt;
}

/// The largest whole number not above the value; of a duration, in seconds.
std::optional<std::int64_t> whole_part(FieldType type, ByteView encoded) {
  if (type == FieldType::integer) return integer_of(encoded);
  if (type == FieldType::duration) {
    const auto ms = duration_ms_of(encoded);
    return ms ? std::optional(*ms / 1000) : std::nullopt;
  }
  const auto value = decimal_of(encoded);
  if (!value) return std::nullopt;
  return static_cast<std::int64_t>(floor_div(value->mantissa, power_of_ten(value->scale)));
}

void append_range(std::string& out, std::int64_t whole, std::int64_t width) {
  const Wide low = floor_div(whole, width) * width;  // may lie below the least 64-bit integer
  fmt::format_to(std::back_inserter(out), "\"{}..{}\"", low, low + width - 1);
}

/// Completed years on the UTC day of `now`; someone born on 29 February is a year older on 1 March.
int age_on(std::chrono::year_month_day born, UnixMillis now) {
  const auto today = day_of(static_cast<std::int64_t>(floor_div(now, kDayMs)));
  const int years = static_cast<int>(today.year()) - static_cast<int>(born.year());
  const bool had_birthday = std::pair(today.month(), today.day()) >= std::pair(born.month(), born.day());
  return had_birthday ? years : years - 1;
}

void append_age_band(std::string& out, int age, int width) {
  const int oldest = (kOldestBandFrom + width - 1) / width * width;
  const int low = age / width * width;
  if (low >= oldest) {
    fmt::format_to(std::back_inserter(out), "\"{}+\"", oldest);
  } else {
    fmt::format_to(std::back_inserter(out), "\"{}..{}\"", low, low + width - 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// Degrees, rounded half away from zero to exactly `decimals`; nothing if it is no number within ±`bound`.
std::optional<std::string> rounded_degrees(std::string_view text, int bound, int decimals) {
  const auto parsed = Decimal::parse(trimmed(text));
  if (!parsed) return std::nullopt;
  const Wide one = power_of_ten(parsed->scale);
  const Wide magnitude = parsed->mantissa < 0 ? -Wide{parsed->mantissa} : Wide{parsed->mantissa};
  if (magnitude > one * bound) return std::nullopt;
  const Wide scaled = (magnitude * power_of_ten(decimals) * 2 + one) / (one * 2);
  const auto mantissa = static_cast<std::int64_t>(parsed->mantissa < 0 ? -scaled : scaled);
  return Decimal{mantissa, decimals}.text();
}

bool append_place(std::string& out, std::string_view text, int decimals) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return false;
  const auto latitude = rounded_degrees(text.substr(0, comma), 90, decimals);
  const auto longitude = rounded_degrees(text.substr(comma + 1), 180, decimals);
  if (!latitude || !longitude) return false;
  fmt::format_to(std::back_inserter(out), "\"{},{}\"", *latitude, *longitude);
  return true;
}

Result<Outcome> append_text_form(std::string& out, const agreement::Form& form, ByteView encoded) {
  const auto text = text_of(encoded);
  if (!text) return not_stored(FieldType::text);
  if (form.kind == Kind::place) {
    return append_place(out, *text, static_cast<int>(form.argument)) ? Outcome::given : Outcome::left_out;
  }
  append_json_string(out, first_characters(*text, static_cast<std::size_t>(form.argument), Former::kClusterPointsMax));
  return Outcome::given;
}

Result<Outcome> append_calendar_form(std::string& out, FieldType type, const agreement::Form& form, ByteView encoded,
                                     UnixMillis now) {
  const auto day = calendar_day(type, encoded);
  if (!day) return not_stored(type);
  const int year = static_cast<int>(day->year());
  if (form.kind == Kind::year) {
    fmt::format_to(std::back_inserter(out), "\"{:04}\"", year);
  } else if (form.kind == Kind::month) {
    fmt::format_to(std::back_inserter(out), "\"{:04}-{:02}\"", year, static_cast<unsigned>(day->month()));
  } else {
    const int age = age_on(*day, now);
    if (age < 0) return Outcome::left_out;
    append_age_band(out, age, static_cast<int>(form.argument));
  }
  return Outcome::given;
}

/// Whatever the form, bytes that are no value of the type are corrupt, and no token is made of them.
bool is_stored_value(FieldType type, ByteView encoded) {
  switch (type) {
    case FieldType::text:
      return text_of(encoded).has_value();
    case FieldType::integer:
      return integer_of(encoded).has_value();
    case FieldType::decimal:
      return decimal_of(encoded).has_value();
    case FieldType::boolean:
      return boolean_of(encoded).has_value();
    case FieldType::date:
      return days_of(encoded).has_value();
    case FieldType::time:
      return time_of(encoded).has_value();
    case FieldType::duration:
      return duration_ms_of(encoded).has_value();
    case FieldType::bytes:
      return bytes_of(encoded).has_value();
    case FieldType::text_list:
      return list_of(encoded).has_value();
  }
  return false;
}

}  // namespace

Result<Former> Former::create(const agreement::Field& field, agreement::Form form,
                              std::shared_ptr<const TokenKey> token) {
  if (!agreement::fits(form, field.type) || (form.kind == Kind::token && token == nullptr)) {
    return fail(Code::internal, "disclosure.form.unfit", field.name,
                fmt::format("a {} cannot be given as '{}'; an agreement that was checked never asks for it",
                            agreement::to_string(field.type), form.text()));
  }
  Former out;
  out.name_ = field.name;
  append_json_string(out.json_name_, field.name);
  out.json_name_.push_back(':');
  out.category_ = field.category;
  out.tag_ = field.tag;
  out.type_ = field.type;
  out.form_ = form;
  if (form.kind == Kind::token) out.token_ = std::move(token);
  return out;
}

Result<Outcome> Former::append(std::string& out, ByteView encoded, UnixMillis now) const {
  switch (form_.kind) {
    case Kind::redacted:
      return Outcome::left_out;
    case Kind::clear:
      HF_CHECK(append_json(out, type_, encoded));
      return Outcome::given;
    case Kind::token:
      if (!is_stored_value(type_, encoded)) return not_stored(type_);
      out.push_back('"');
      token_->append(out, category_, type_, encoded);
      out.push_back('"');
      return Outcome::given;
    case Kind::year:
    case Kind::month:
    case Kind::age_band:
      return append_calendar_form(out, type_, form_, encoded, now);
    case Kind::range: {
      const auto whole = whole_part(type_, encoded);
      if (!whole) return not_stored(type_);
      append_range(out, *whole, form_.argument);
      return Outcome::given;
    }
    case Kind::first:
    case Kind::place:
      return append_text_form(out, form_, encoded);
  }
  return Outcome::left_out;
}

Result<RecordFormer> RecordFormer::create(const agreement::Plan& plan, const agreement::GivenCollection& given,
                                          std::shared_ptr<const TokenKey> token) {
  HF_ASSERT(given.collection < plan.collections.size());
  const agreement::Collection& collection = plan.collections[given.collection];
  RecordFormer out;
  out.name_ = collection.name;
  out.fields_.reserve(given.fields.size());
  for (const agreement::Given& field : given.fields) {
    HF_ASSERT(field.field < collection.fields.size());
    HF_TRY(Former former, Former::create(collection.fields[field.field], field.form, token));
    out.fields_.push_back(std::move(former));
  }
  return out;
}

Result<void> RecordFormer::append_field(std::string& out, std::size_t start, const Former& field, ByteView stored,
                                        UnixMillis now) {
  const std::size_t before = out.size();
  if (before > start + 1) out.push_back(',');
  out += field.json_name();
  auto outcome = field.append(out, stored, now);
  if (!outcome) {
    out.resize(start);
    outcome.error().where = field.name();
    return tl::unexpected<Error>(std::move(outcome).error());
  }
  if (*outcome == Outcome::left_out) out.resize(before);
  return {};
}

}  // namespace holdfast::disclosure
