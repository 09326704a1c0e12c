#include "disclosure/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <string>

#include "base/json.h"
#include "disclosure/unicode.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;
using Kind = agreement::Form::Kind;

constexpr std::size_t kLeakBytesMin =
    6;  // only to name what is refused anyway; shorter texts stand in others by chance

/// Reads JSON from the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : left_(text) {}
  bool take(std::string_view expected) {
    if (!left_.starts_with(expected)) return false;
    left_.remove_prefix(expected.size());
    return true;
  }
  bool done() const { return left_.empty(); }

  /// A string, an array of strings, or a number or word, as it stands; empty when there is none.
  std::string_view value() {
    std::size_t end = 0;
    if (left_.starts_with('"')) {
      end = string_end(0);
    } else if (left_.starts_with('[')) {
      end = array_end();
    } else {
      while (end < left_.size() && left_[end] != ',' && left_[end] != '}') ++end;
    }
    const std::string_view out = left_.substr(0, end);
    left_.remove_prefix(end);
    return out;
  }

 private:
  /// Behind the string that starts at `from`; 0 when it does not end.
  std::size_t string_end(std::size_t from) const {
    for (std::size_t i = from + 1; i < left_.size(); ++i) {
      if (left_[i] == '\\') {
        ++i;
      } else if (left_[i] == '"') {
        return i + 1;
      }
    }
    return 0;
  }
  std::size_t array_end() const {
    for (std::size_t i = 1; i < left_.size(); ++i) {
      if (left_[i] == ']') return i + 1;
      if (left_[i] != '"') continue;
      const std::size_t end = string_end(i);
      if (end == 0) return 0;
      i = end - 1;
    }
    return 0;
  }
  std::string_view left_;
};

/// What stands between the quotes; nothing when it is no string.
std::optional<std::string_view> inside(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::nullopt;
  return value.substr(1, value.size() - 2);
}

/// One or more digits at the front; answers how many.
std::size_t take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  text.remove_prefix(count);
  return count;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool is_token(std::string_view text) {
  if (text.size() != kTokenSize || !take(text, "tok_")) return false;
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
  }
  return true;
}

bool is_degrees(std::string_view& text, std::int64_t decimals) {
  take(text, "-");
  const std::size_t whole = take_digits(text);
  if (whole == 0 || whole > 3) return false;
  return decimals == 0 || (take(text, ".") && take_digits(text) == static_cast<std::size_t>(decimals));
}

/// Has the inside of a string the outward shape of `form`?
bool has_shape(const agreement::Form& form, std::string_view text) {
  switch (form.kind) {
    case Kind::token:
      return is_token(text);
    case Kind::year:
      return take_digits(text) == 4 && text.empty();
    case Kind::month:
      return take_digits(text) == 4 && take(text, "-") && take_digits(text) == 2 && text.empty();
    case Kind::range:
      take(text, "-");
      if (take_digits(text) == 0 || !take(text, "..")) return false;
      take(text, "-");
      return take_digits(text) > 0 && text.empty();
    case Kind::age_band:
      if (take_digits(text) == 0) return false;
      if (text == "+") return true;
      return take(text, "..") && take_digits(text) > 0 && text.empty();
    case Kind::place:
      return is_degrees(text, form.argument) && take(text, ",") && is_degrees(text, form.argument) && text.empty();
    default:
      return false;  // redacted never leaves; clear and first are looked at otherwise
  }
}

/// The stored text of a field that is not given in the clear; nothing when it has none worth looking for.
std::optional<std::string_view> withheld_text(const Former& field, StoredField stored) {
  if (stored == nullptr || field.form().kind == Kind::clear || field.type() != FieldType::text) return std::nullopt;
  const auto text = text_of(*stored);
  return text && text->size() >= kLeakBytesMin ? text : std::nullopt;
}

/// Does `value`, JSON as it stands, hold `text`, escaped as JSON wants it?
bool holds(std::string_view value, std::string_view text) {
  thread_local std::string escaped;
  escaped.clear();
  append_json_string(escaped, text);
  return value.find(std::string_view(escaped).substr(1, escaped.size() - 2)) != std::string_view::npos;
}

tl::unexpected<Error> refusal(std::string_view slug, const RecordFormer& former, std::string_view field,
                              std::string_view what) {
  return fail(Code::internal, slug, fmt::format("{}.{}", former.name(), field),
              fmt::format("{}; nothing was released. This is a fault of Holdfast: please report it", what));
}

Result<void> inspect_clear(const RecordFormer& former, const Former& field, std::string_view value, ByteView stored) {
  thread_local std::string expected;
  expected.clear();
  if (append_json(expected, field.type(), stored) && expected == value) return {};
  return refusal("inspect.value", former, field.name(), "what would leave is not what is stored in this field");
}

/// What the string `inside` its quotes says; nothing when it is not well formed.
std::optional<std::string_view> unescaped(std::string_view inside, std::string& room) {
  const bool plain = std::none_of(inside.begin(), inside.end(),
                                  [](char c) { return c == '\\' || c == '"' || static_cast<unsigned char>(c) < 0x20; });
  if (plain) return is_utf8(inside) ? std::optional(inside) : std::nullopt;
  boost::json::error_code error;
  const auto parsed = boost::json::parse(boost::json::string_view(inside.data() - 1, inside.size() + 2), error);
  if (error || !parsed.is_string()) return std::nullopt;
  room.assign(parsed.get_string().data(), parsed.get_string().size());
  return room;
}

enum class Cut : std::uint8_t { right, too_long, other };

/// Is the inside of a string the beginning of the stored text, and no longer than `form` allows? Texts of any length
/// are looked at: a postal code of five characters that is to be cut to three tells as much as a long one.
Cut cut_of(const agreement::Form& form, std::string_view inside, ByteView stored) {
  thread_local std::string room;
  const auto own = text_of(stored);
  const auto text = unescaped(inside, room);
  if (!own || !text) return Cut::other;
  const auto count = static_cast<std::size_t>(form.argument);
  const bool begins = own->starts_with(*text) || to_nfc(*own).starts_with(*text) ||
                      *text == first_characters(*own, count, Former::kClusterPointsMax);
  if (!begins) return Cut::other;
  return is_longer_than(*text, count) ? Cut::too_long : Cut::right;
}

Result<void> inspect_value(const RecordFormer& former, std::size_t index, std::string_view value,
                           std::span<const StoredField> stored) {
  const Former& field = former.fields()[index];
  if (stored[index] == nullptr) {
    return refusal("inspect.field", former, field.name(), "a field would leave that the record does not hold");
  }
  if (field.form().kind == Kind::clear) return inspect_clear(former, field, value, *stored[index]);

  const auto text = inside(value);
  if (field.form().kind == Kind::first && text) {
    const Cut cut = cut_of(field.form(), *text, *stored[index]);
    if (cut == Cut::right) return {};
    if (cut == Cut::too_long) {
      return refusal("inspect.leak", former, field.name(), "more of a text would leave than was agreed");
    }
  } else if (text && has_shape(field.form(), *text)) {
    return {};
  }
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const auto withheld = withheld_text(former.fields()[i], stored[i]);
    if (withheld && holds(value, *withheld)) {
      return refusal("inspect.leak", former, former.fields()[i].name(), "a text would leave that is to be withheld");
    }
  }
  return refusal("inspect.shape", former, field.name(), "what would leave has not the form that was agreed");
}

}  // namespace

Result<void> inspect_fields(const RecordFormer& former, std::string_view object, std::span<const StoredField> stored) {
  HF_ASSERT(stored.size() == former.fields().size());
  const auto stray = [&former] {
    return refusal("inspect.field", former, "*",
                   "what would leave is not an object of the fields agreed, in their order");
  };
  Cursor cursor(object);
  if (!cursor.take("{")) return stray();
  bool first = true;
  std::size_t index = 0;
  while (!cursor.take("}")) {
    if (!first && !cursor.take(",")) return stray();
    first = false;
    while (index < stored.size() && !cursor.take(former.fields()[index].json_name())) ++index;
    if (index == stored.size()) return stray();
    const std::string_view value = cursor.value();
    if (value.empty()) return stray();
    HF_CHECK(inspect_value(former, index, value, stored));
    ++index;
  }
  if (!cursor.done()) return stray();
  return {};
}

}  // namespace holdfast::disclosure
