#include "agreement/spelling.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace holdfast::agreement {
namespace {

constexpr std::uint64_t kCountMax = 1'000'000'000'000'000;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kSizeBytesMax = 64u << 20;
constexpr std::int64_t kHoursMax = 100 * 365 * 24;
constexpr std::uint64_t kWindowsMax = 120;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Splits "12KiB" into "12" and "KiB".
std::pair<std::string_view, std::string_view> split_number(std::string_view text) {
  const auto end = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  return {text.substr(0, end), text.substr(end)};
}

/// Takes the next word off `text`; words are parted by exactly one space.
std::string_view take_word(std::string_view& text) {
  const auto space = text.find(' ');
  const auto word = text.substr(0, space);
  text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return word;
}

struct WindowName {
  std::string_view one, many;
  Limit::Window window;
};
constexpr std::array kWindows{
    WindowName{"hour", "hours", Limit::Window::hour}, WindowName{"day", "days", Limit::Window::day},
    WindowName{"week", "weeks", Limit::Window::week}, WindowName{"month", "months", Limit::Window::month},
    WindowName{"year", "years", Limit::Window::year},
};

constexpr std::array<std::string_view, 9> kFieldTypes{"text", "integer",  "decimal", "boolean",     "date",
                                                      "time", "duration", "bytes",   "list of text"};
constexpr std::array<std::string_view, 4> kRoles{"operator", "trustee", "overseer", "recipient"};

}  // namespace

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kNameBytesMax || !is_letter(text.front())) return false;
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }))
    return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  static constexpr std::array<std::string_view, 7> kTruths{"true", "false", "null", "yes", "no", "on", "off"};
  return std::find(kTruths.begin(), kTruths.end(), lower) == kTruths.end();
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  if (text.empty() || text.front() == '0' || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > kCountMax) return std::nullopt;
  return value;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  const auto [digits, unit] = split_number(text);
  const auto count = parse_count(digits);
  const std::int64_t hours = unit == "h" ? 1 : unit == "d" ? 24 : unit == "y" ? 365 * 24 : 0;
  if (!count || hours == 0 || *count > static_cast<std::uint64_t>(kHoursMax / hours)) return std::nullopt;
  return std::chrono::hours(static_cast<std::int64_t>(*count) * hours);
}

std::optional<std::size_t> parse_size(std::string_view text) {
  const auto [digits, unit] = split_number(text);
  const auto count = parse_count(digits);
  const std::size_t bytes = unit == "B" ? 1 : unit == "KiB" ? 1u << 10 : unit == "MiB" ? 1u << 20 : 0;
  if (!count || bytes == 0 || *count > kSizeBytesMax / bytes) return std::nullopt;
  return *count * bytes;
}

std::optional<double> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 32 || !is_digit(text.front()) || !is_digit(text.back())) return std::nullopt;
  if (text.size() > 1 && text[0] == '0' && is_digit(text[1])) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Limit::Window> parse_window(std::string_view text) {
  for (const auto& w : kWindows) {
    if (text == w.one) return w.window;
  }
  return std::nullopt;
}

std::string_view to_string(Limit::Window window) { return kWindows[static_cast<std::size_t>(window)].one; }

std::optional<Limit> parse_limit(std::string_view text) {
  Limit limit;
  limit.text = text;
  const auto amount = parse_count(take_word(text));
  const auto counted = take_word(text);
  if (!amount || (counted != "subjects" && counted != "records") || take_word(text) != "per") return std::nullopt;
  const auto window = parse_window(text);
  if (!window) return std::nullopt;
  limit.amount = *amount;
  limit.counts = counted == "subjects" ? Limit::Counts::subjects : Limit::Counts::records;
  limit.window = *window;
  return limit;
}

std::optional<std::size_t> parse_release_size(std::string_view text) {
  const auto size = parse_size(take_word(text));
  return text == "per release" ? size : std::nullopt;
}

std::optional<Limit> parse_rolling_limit(std::string_view text) {
  Limit limit;
  limit.text = text;
  limit.rolling = true;
  const auto amount = parse_count(take_word(text));
  const auto counted = take_word(text);
  if (!amount || (counted != "subjects" && counted != "devices") || take_word(text) != "per") return std::nullopt;
  limit.amount = *amount;
  limit.counts = counted == "subjects" ? Limit::Counts::subjects : Limit::Counts::devices;
  if (const auto one = parse_window(text)) {
    limit.window = *one;
    return limit;
  }
  const auto windows = parse_count(take_word(text));
  const auto many = std::find_if(kWindows.begin(), kWindows.end(), [&](const auto& w) { return w.many == text; });
  if (!windows || *windows < 2 || *windows > kWindowsMax || many == kWindows.end()) return std::nullopt;
  limit.windows = static_cast<std::uint32_t>(*windows);
  limit.window = many->window;
  return limit;
}

std::optional<SharePpm> parse_share(std::string_view text) {
  constexpr std::size_t kDecimals = 4;
  if (!text.ends_with(" %")) return std::nullopt;
  text.remove_suffix(2);
  const auto [whole, rest] = split_number(text);
  if (whole.empty() || whole.size() > 3 || (whole.size() > 1 && whole[0] == '0')) return std::nullopt;
  if (!rest.empty() && (rest[0] != '.' || rest.size() < 2 || rest.size() > 1 + kDecimals)) return std::nullopt;
  std::string digits(rest.empty() ? rest : rest.substr(1));
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
  digits.resize(kDecimals, '0');
  SharePpm share = 0;
  for (const char c : std::string(whole) + digits) share = share * 10 + static_cast<SharePpm>(c - '0');
  if (share == 0 || share > kShareWhole) return std::nullopt;
  return share;
}

std::string_view to_string(Role role) { return kRoles[static_cast<std::size_t>(role)]; }
std::string_view to_string(FieldType type) { return kFieldTypes[static_cast<std::size_t>(type)]; }

std::optional<Role> parse_role(std::string_view text) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), text);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

std::optional<FieldType> parse_field_type(std::string_view text) {
  const auto found = std::find(kFieldTypes.begin(), kFieldTypes.end(), text);
  if (found == kFieldTypes.end()) return std::nullopt;
  return static_cast<FieldType>(found - kFieldTypes.begin());
}

bool is_country(std::string_view text) {
  static constexpr std::string_view kCountries =
      " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ"
      " CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO"
      " FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE"
      " JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO"
      " MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW"
      " PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM"
      " TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";
  if (text.size() != 2 || !is_letter(text[0]) || !is_letter(text[1])) return false;
  const char padded[] = {' ', text[0], text[1], ' '};
  return kCountries.find(std::string_view(padded, sizeof padded)) != std::string_view::npos;
}

}  // namespace holdfast::agreement
