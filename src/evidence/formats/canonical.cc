#include "evidence/formats/canonical.h"

#include <algorithm>
#include <charconv>

namespace holdfast::evidence {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kTimeSize = 24;  // 2026-11-23T22:00:00.123Z
constexpr UnixMillis kDayMillis = 86'400'000;

constexpr auto kSextets = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(0xff);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return out;
}();

constexpr std::size_t base64url_size(std::size_t raw) { return (raw * 4 + 2) / 3; }

/// The letter after the backslash, for the characters that have one; u for other controls; 0 for plain ones.
constexpr auto kEscapes = [] {
  std::array<char, 256> out{};
  std::fill_n(out.begin(), 0x20, 'u');
  out['"'] = '"', out['\\'] = '\\', out['\b'] = 'b', out['\t'] = 't', out['\n'] = 'n', out['\f'] = 'f', out['\r'] = 'r';
  return out;
}();

constexpr char escape_of(unsigned char c) { return kEscapes[c]; }

/// Takes `literal` off the front.
bool skip(ByteView& in, ByteView literal) {
  if (!in.starts_with(literal)) return false;
  in.remove_prefix(literal.size());
  return true;
}

/// The character behind a backslash, which is already taken; only in its canonical spelling.
bool take_escaped(ByteView& in, char& out) {
  if (in.empty()) return false;
  const char letter = in.front();
  in.remove_prefix(1);
  if (letter == 'u') {
    if (in.size() < 4 || !in.starts_with("00")) return false;
    const std::size_t high = kHexDigits.find(in[2]), low = kHexDigits.find(in[3]);
    if (high > 1 || low > 15) return false;
    out = static_cast<char>(high * 16 + low);
    in.remove_prefix(4);
    return escape_of(static_cast<unsigned char>(out)) == 'u';
  }
  for (const char c : {'"', '\\', '\b', '\t', '\n', '\f', '\r'}) {
    if (escape_of(static_cast<unsigned char>(c)) == letter) {
      out = c;
      return true;
    }
  }
  return false;
}

bool take_string(ByteView& in, std::string& out) {
  if (!skip(in, "\"")) return false;
  out.clear();
  unsigned char seen = 0;
  for (;;) {
    std::size_t plain = 0;
    while (plain < in.size() && escape_of(static_cast<unsigned char>(in[plain])) == 0) {
      seen |= static_cast<unsigned char>(in[plain++]);
    }
    out.append(in, 0, plain);
    in.remove_prefix(plain);
    if (in.empty()) return false;
    const char stop = in.front();
    in.remove_prefix(1);
    if (stop == '"') return seen < 0x80 || is_utf8(out);
    char c = 0;
    if (stop != '\\' || !take_escaped(in, c)) return false;
    out.push_back(c);
  }
}

bool take_integer(ByteView& in, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(in.data(), in.data() + in.size(), out);
  const auto used = static_cast<std::size_t>(end - in.data());
  if (error != std::errc{} || out > kJsonIntegerMax || (used > 1 && in.front() == '0')) return false;
  in.remove_prefix(used);
  return true;
}

/// RFC 8785 sorts by UTF-16 code units; that is the order of UTF-8's bytes but for characters beyond U+FFFF, whose
/// surrogates come before U+E000.
bool utf16_less(std::string_view a, std::string_view b) {
  const auto rank = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0xee ? byte : byte < 0xf0 ? byte + 0x10 : byte - 2;
  };
  return std::ranges::lexicographical_compare(a, b, {}, rank, rank);
}

bool take_value(ByteView& in, int levels_left);

bool take_object(ByteView& in, int levels_left) {
  if (!skip(in, "{")) return false;
  if (skip(in, "}")) return true;
  std::string before, name;
  for (bool first = true;; first = false) {
    if (!take_string(in, name) || !skip(in, ":") || !take_value(in, levels_left)) return false;
    if (!first && !utf16_less(before, name)) return false;
    if (skip(in, "}")) return true;
    if (!skip(in, ",")) return false;
    before.swap(name);
  }
}

bool take_array(ByteView& in, int levels_left) {
  if (!skip(in, "[")) return false;
  if (skip(in, "]")) return true;
  for (;;) {
    if (!take_value(in, levels_left)) return false;
    if (skip(in, "]")) return true;
    if (!skip(in, ",")) return false;
  }
}

bool take_value(ByteView& in, int levels_left) {
  if (in.empty() || levels_left == 0) return false;
  std::string text;
  std::uint64_t number = 0;
  switch (in.front()) {
    case '{':
      return take_object(in, levels_left - 1);
    case '[':
      return take_array(in, levels_left - 1);
    case '"':
      return take_string(in, text);
    default:
      return take_integer(in, number);
  }
}

constexpr int kLevelsMax = 16;

void put_digits(char* out, unsigned value, int count) {
  for (int i = count; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

bool take_digits(const char* in, int count, unsigned& out) {
  out = 0;
  for (int i = 0; i < count; ++i) {
    if (in[i] < '0' || in[i] > '9') return false;
    out = out * 10 + static_cast<unsigned>(in[i] - '0');
  }
  return true;
}

}  // namespace

bool is_canonical_object(ByteView json) { return take_object(json, kLevelsMax) && json.empty(); }

void CanonicalWriter::begin(std::string_view name) {
  char buffer[40];
  HF_ASSERT(name.size() + 4 <= sizeof buffer);
  buffer[0] = before_;
  buffer[1] = '"';
  char* end = std::ranges::copy(name, buffer + 2).out;
  *end++ = '"';
  *end++ = ':';
  out_.append(buffer, end);
  before_ = ',';
}

void CanonicalWriter::operator()(std::string_view name, std::uint64_t value) {
  begin(name);
  ok_ &= value <= kJsonIntegerMax;
  char digits[20];
  out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void CanonicalWriter::operator()(std::string_view name, std::string_view value) {
  begin(name);
  put_string(value);
}

void CanonicalWriter::operator()(std::string_view name, const std::vector<std::string>& value) {
  begin(name);
  char before = '[';
  for (const std::string& text : value) {
    out_.push_back(before);
    put_string(text);
    before = ',';
  }
  out_ += value.empty() ? "[]" : "]";
}

void CanonicalWriter::put_string(std::string_view text) {
  out_.push_back('"');
  unsigned char seen = 0;
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    seen |= c;
    const char escape = escape_of(c);
    if (escape == 0) continue;
    out_.append(text, written, i - written);
    written = i + 1;
    out_.push_back('\\');
    out_.push_back(escape);
    if (escape == 'u') {
      out_ += "00";
      out_.push_back(kHexDigits[c / 16]);
      out_.push_back(kHexDigits[c % 16]);
    }
  }
  out_.append(text, written);
  out_.push_back('"');
  if (seen >= 0x80) ok_ &= is_utf8(text);
}

void CanonicalWriter::put_base64url(std::string_view name, ByteView raw) {
  begin(name);
  const std::size_t size = base64url_size(raw.size());
  const std::size_t start = out_.size();
  out_.append(size + 2, '"');
  char* to = out_.data() + start + 1;
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (const char c : raw) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) *to++ = kAlphabet[bits >> (have - 6) & 63];
  }
  if (have > 0) *to = kAlphabet[bits << (6 - have) & 63];
}

void CanonicalWriter::time(std::string_view name, UnixMillis value) {
  begin(name);
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::milliseconds(value));
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const auto rest = static_cast<unsigned>(value - days.count() * kDayMillis);
  const bool writable = date.ok() && int(date.year()) >= 1 && int(date.year()) <= 9999;
  ok_ &= writable;
  if (!writable) return;
  char text[] = "\"0000-00-00T00:00:00.000Z\"";
  put_digits(text + 1, static_cast<unsigned>(int(date.year())), 4);
  put_digits(text + 6, unsigned(date.month()), 2);
  put_digits(text + 9, unsigned(date.day()), 2);
  put_digits(text + 12, rest / 3'600'000, 2);
  put_digits(text + 15, rest / 60'000 % 60, 2);
  put_digits(text + 18, rest / 1000 % 60, 2);
  put_digits(text + 21, rest % 1000, 3);
  out_.append(text, kTimeSize + 2);
}

void CanonicalWriter::object(std::string_view name, std::string_view canonical) {
  begin(name);
  ok_ &= is_canonical_object(canonical);
  out_ += canonical;
}

bool CanonicalWriter::finish() {
  out_ += before_ == '{' ? "{}" : "}";
  return ok_;
}

bool CanonicalReader::at_member(std::string_view name) const {
  return ok_ && in_.size() > name.size() + 4 && in_[0] == before_ && in_[1] == '"' &&
         in_.substr(2, name.size()) == name && in_.substr(2 + name.size(), 2) == "\":";
}

void CanonicalReader::begin(std::string_view name) {
  ok_ = at_member(name);
  if (ok_) in_.remove_prefix(name.size() + 4);
  before_ = ',';
}

void CanonicalReader::operator()(std::string_view name, std::uint64_t& value) {
  begin(name);
  ok_ = ok_ && take_integer(in_, value);
}

void CanonicalReader::operator()(std::string_view name, std::uint32_t& value) {
  std::uint64_t wide = 0;
  (*this)(name, wide);
  ok_ = ok_ && wide <= UINT32_MAX;
  value = static_cast<std::uint32_t>(wide);
}

void CanonicalReader::operator()(std::string_view name, std::string& value) {
  begin(name);
  ok_ = ok_ && take_string(in_, value);
}

void CanonicalReader::operator()(std::string_view name, std::vector<std::string>& value) {
  begin(name);
  ok_ = ok_ && skip(in_, "[");
  if (!ok_ || skip(in_, "]")) return;
  do {
    ok_ = take_string(in_, value.emplace_back());
  } while (ok_ && skip(in_, ","));
  ok_ = ok_ && skip(in_, "]");
}

void CanonicalReader::read_base64url(std::string_view name, unsigned char* out, std::size_t size) {
  begin(name);
  const std::size_t length = base64url_size(size);
  ok_ = ok_ && in_.size() >= length + 2 && in_[0] == '"' && in_[length + 1] == '"';
  if (!ok_) return;
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (const char c : in_.substr(1, length)) {
    const std::uint8_t sextet = kSextets[static_cast<unsigned char>(c)];
    ok_ &= sextet < 64;
    bits = bits << 6 | (sextet & 63);
    have += 6;
    if (have >= 8) {
      have -= 8;
      *out++ = static_cast<unsigned char>(bits >> have);
    }
  }
  // What is left of the last letter must be zero, else several spellings would mean the same.
  ok_ &= (bits & ((1u << have) - 1)) == 0;
  in_.remove_prefix(length + 2);
}

void CanonicalReader::time(std::string_view name, UnixMillis& value) {
  begin(name);
  ok_ = ok_ && in_.size() >= kTimeSize + 2;
  if (!ok_) return;
  const char* text = in_.data();
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milli = 0;
  const bool digits = take_digits(text + 1, 4, year) && take_digits(text + 6, 2, month) &&
                      take_digits(text + 9, 2, day) && take_digits(text + 12, 2, hour) &&
                      take_digits(text + 15, 2, minute) && take_digits(text + 18, 2, second) &&
                      take_digits(text + 21, 3, milli);
  const bool marks = text[0] == '"' && text[5] == '-' && text[8] == '-' && text[11] == 'T' && text[14] == ':' &&
                     text[17] == ':' && text[20] == '.' && text[24] == 'Z' && text[25] == '"';
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                         std::chrono::day(day)};
  ok_ = digits && marks && year >= 1 && date.ok() && hour < 24 && minute < 60 && second < 60;
  if (!ok_) return;
  const UnixMillis days = std::chrono::sys_days(date).time_since_epoch().count();
  value = days * kDayMillis + hour * 3'600'000 + minute * 60'000 + second * 1000 + milli;
  in_.remove_prefix(kTimeSize + 2);
}

void CanonicalReader::object(std::string_view name, std::string& canonical) {
  begin(name);
  const ByteView before = in_;
  ok_ = ok_ && take_object(in_, kLevelsMax);
  if (ok_) canonical = before.substr(0, before.size() - in_.size());
}

void CanonicalReader::literal(std::string_view name, std::string_view value) {
  begin(name);
  ok_ = ok_ && skip(in_, "\"") && skip(in_, value) && skip(in_, "\"");
}

bool CanonicalReader::finish() { return ok_ && in_ == "}"; }

}  // namespace holdfast::evidence
