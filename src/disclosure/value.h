#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace holdfast::disclosure {

inline constexpr std::size_t kValueBytesMax = 64u << 10;  ///< of a text, of bytes, of a list's texts together
inline constexpr std::size_t kListItemsMax = 1000;
inline constexpr int kDecimalScaleMax = 18;  ///< digits behind the point

/// A value as it is stored ("encoded") is one byte that names the type, then the value: a value deposited under an
/// earlier agreement, which gave its field another type, is therefore never misread. Equal values have equal bytes.
///
/// | type | what JSON and CSV write | stored | what JSON reads |
/// | --- | --- | --- | --- |
/// | text | UTF-8 without control characters but tab and LF | as given | string |
/// | integer | 64 bits; JSON number, or string of digits | zigzag varint | number |
/// | decimal | "-12.50", JSON number; 18 digits | scale, zigzag varint, no trailing zeros | string "-12.5" (exact) |
/// | boolean | true, false; CSV also TRUE, 1, 0 | one byte | true, false |
/// | date | YYYY-MM-DD | days, zigzag varint | string |
/// | time | RFC 3339 | milliseconds, zigzag varint | string, UTC: "2026-11-23T22:00:00.000Z" |
/// | duration | "90s", "1.5s", "2m", "3h", "250ms"; JSON number of seconds | milliseconds, varint | number of seconds |
/// | bytes | base64, padded | as given | string, base64 |
/// | list of text | JSON array of strings; CSV: the same in the cell | sized texts | array |

/// One value from a JSON document that boost::json parsed.
/// Errors: invalid "disclosure.value.<type>"; the sentence says what is expected and never repeats the value.
Result<Bytes> value_from_json(agreement::FieldType type, const boost::json::value& value);
/// One value from text: a cell of a CSV file. An empty cell is an empty text; the caller decides what absence is.
/// Errors: as value_from_json.
Result<Bytes> value_from_text(agreement::FieldType type, std::string_view text);

/// Appends `encoded` as JSON. Leaves `out` as it was when it fails.
/// Errors: corrupt "disclosure.value.stored" when the bytes are no encoding of a value of that type.
Result<void> append_json(std::string& out, agreement::FieldType type, ByteView encoded);
/// The type that a stored value names, also one that its field had under an earlier agreement only.
std::optional<agreement::FieldType> stored_type(ByteView encoded);

/// `encoded` in a form in which values that people take for the same are the same bytes: texts in Unicode's form NFC.
Bytes comparable(agreement::FieldType type, ByteView encoded);

/// mantissa / 10^scale; scale from 0 to kDecimalScaleMax.
struct Decimal {
  std::int64_t mantissa = 0;
  int scale = 0;
  /// "-12.50": sign, digits, point and digits; no exponent, no "+". Nothing when it is not that or does not fit.
  static std::optional<Decimal> parse(std::string_view text);
  std::string text() const;
};

/// What is stored, taken apart; nothing when the bytes are no encoding of such a value.
std::optional<std::string_view> text_of(ByteView encoded);
std::optional<std::int64_t> integer_of(ByteView encoded);
std::optional<Decimal> decimal_of(ByteView encoded);
std::optional<bool> boolean_of(ByteView encoded);
std::optional<std::int32_t> days_of(ByteView encoded);  ///< of a date, since 1970-01-01
std::optional<UnixMillis> time_of(ByteView encoded);
std::optional<std::int64_t> duration_ms_of(ByteView encoded);
std::optional<std::string_view> bytes_of(ByteView encoded);
std::optional<std::vector<std::string_view>> list_of(ByteView encoded);  ///< views into `encoded`

}  // namespace holdfast::disclosure
