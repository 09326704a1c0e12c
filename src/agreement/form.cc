#include "agreement/form.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agreement/spelling.h"

namespace holdfast::agreement {
namespace {

constexpr std::int64_t kFirstMax = 1000;
constexpr std::int64_t kWidthMax = 1'000'000'000'000;
constexpr std::int64_t kAgeBandMax = 50;
constexpr std::int64_t kPlaceDecimalsMax = 4;  // 11 metres; more would be the place itself
constexpr std::array<std::string_view, 5> kLevels{"nothing", "aggregate", "token", "generalised", "clear"};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// A form with an argument from `min` to `max`.
std::optional<Form> bounded(Form::Kind kind, std::string_view digits, std::int64_t min, std::int64_t max) {
  const auto count = digits == "0" ? std::optional<std::uint64_t>(0) : parse_count(digits);
  if (!count) return std::nullopt;
  const auto value = static_cast<std::int64_t>(*count);
  if (value < min || value > max) return std::nullopt;
  return Form{kind, value};
}

}  // namespace

std::string_view to_string(Level level) { return kLevels[static_cast<std::size_t>(level)]; }

std::optional<Level> parse_level(std::string_view text) {
  for (const Level level : {Level::aggregate, Level::token, Level::generalised}) {
    if (text == to_string(level)) return level;
  }
  return std::nullopt;
}

Level level_of(const Form& form) {
  switch (form.kind) {
    case Form::Kind::redacted:
      return Level::nothing;
    case Form::Kind::token:
      return Level::token;
    case Form::Kind::clear:
      return Level::clear;
    default:
      return Level::generalised;
  }
}

std::string Form::text() const {
  switch (kind) {
    case Kind::redacted:
      return "redacted";
    case Kind::token:
      return "token";
    case Kind::year:
      return "year";
    case Kind::month:
      return "month";
    case Kind::first:
      return fmt::format("first {}", argument);
    case Kind::range:
      return fmt::format("range of {}", argument);
    case Kind::age_band:
      return fmt::format("age band of {}", argument);
    case Kind::place:
      return fmt::format("place to {} decimal{}", argument, argument == 1 ? "" : "s");
    case Kind::clear:
      return "clear";
  }
  return "";
}

std::optional<Form> parse_form(std::string_view text) {
  if (text == "clear") return Form{Form::Kind::clear};
  if (text == "token") return Form{Form::Kind::token};
  if (text == "redacted") return Form{Form::Kind::redacted};
  if (text == "year") return Form{Form::Kind::year};
  if (text == "month") return Form{Form::Kind::month};
  if (take_prefix(text, "first ")) return bounded(Form::Kind::first, text, 1, kFirstMax);
  if (take_prefix(text, "range of ")) return bounded(Form::Kind::range, text, 1, kWidthMax);
  if (take_prefix(text, "age band of ")) return bounded(Form::Kind::age_band, text, 2, kAgeBandMax);
  if (take_prefix(text, "place to ")) {
    const auto space = text.find(' ');
    const auto form = bounded(Form::Kind::place, text.substr(0, space), 0, kPlaceDecimalsMax);
    if (!form || space == std::string_view::npos) return std::nullopt;
    return text.substr(space + 1) == (form->argument == 1 ? "decimal" : "decimals") ? form : std::nullopt;
  }
  return std::nullopt;
}

bool fits(const Form& form, FieldType type) {
  switch (form.kind) {
    case Form::Kind::clear:
    case Form::Kind::token:
    case Form::Kind::redacted:
      return true;
    case Form::Kind::year:
    case Form::Kind::month:
      return type == FieldType::date || type == FieldType::time;
    case Form::Kind::first:
    case Form::Kind::place:
      return type == FieldType::text;
    case Form::Kind::range:
      // A range of 1 is the whole number itself under another name.
      return type == FieldType::decimal ||
             ((type == FieldType::integer || type == FieldType::duration) && form.argument >= 2);
    case Form::Kind::age_band:
      return type == FieldType::date;
  }
  return false;
}

std::string_view forms_of(FieldType type) {
  switch (type) {
    case FieldType::text:
      return "clear, first N, place to N decimals, token or redacted";
    case FieldType::integer:
      return "clear, range of N (2 or more), token or redacted";
    case FieldType::decimal:
      return "clear, range of N, token or redacted";
    case FieldType::duration:
      return "clear, range of N (seconds, 2 or more), token or redacted";
    case FieldType::date:
      return "clear, month, year, age band of N, token or redacted";
    case FieldType::time:
      return "clear, month, year, token or redacted";
    default:
      return "clear, token or redacted";
  }
}

}  // namespace holdfast::agreement
