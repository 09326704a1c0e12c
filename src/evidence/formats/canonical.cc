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

bool skip(ByteView& in, char c) {
  if (in.empty() || in.front() != c) return false;
  in.remove_prefix(1);
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
  if (!skip(in, '\"')) return false;
  out.clear();
  unsigned char seen = 0;
  for (;;) {
    std::size_t plain = 0;
    while (plain < in.size() && escape_of(static_cast<unsigned char>(in[plain])) == 0) {
      seen |= static_cast<unsigned char>(in[plain++]);
    }
    out.append(in.data(), plain);
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
  if (!skip(in, '{')) return false;
  if (skip(in, '}')) return true;
  std::string before, name;
  for (bool first = true;; first = false) {
    if (!take_string(in, name) || !skip(in, ':') || !take_value(in, levels_left)) return false;
    if (!first && !utf16_less(before, name)) return false;
    if (skip(in, '}')) return true;
    if (!skip(in, ',')) return false;
    before.swap(name);
  }
}

bool take_array(ByteView& in, int levels_left) {
  if (!skip(in, '[')) return false;
  if (skip(in, ']')) return true;
  for (;;) {
    if (!take_value(in, levels_left)) return false;
    if (skip(in, ']')) return true;
    if (!skip(in, ',')) return false;
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

/// The objects in a log are what its few flows give, so the last ones are kept and known again by comparing. An object
/// that begins with a whole one is that one, so a comparison of the front suffices.
bool take_known_object(ByteView& in) {
  thread_local std::array<Bytes, 4> known;
  thread_local std::size_t next = 0;
  for (const Bytes& object : known) {
    if (!object.empty() && skip(in, object)) return true;
  }
  const ByteView before = in;
  if (!take_object(in, kLevelsMax)) return false;
  known[next++ % known.size()] = before.substr(0, before.size() - in.size());
  return true;
}

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

bool is_canonical_object(ByteView json) { return take_known_object(json) && json.empty(); }

void CanonicalWriter::put(std::uint64_t value) {
  ok_ &= value <= kJsonIntegerMax;
  char digits[20];
  out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void CanonicalWriter::put(std::string_view text) {
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

void CanonicalWriter::put_base64url(ByteView raw) {
  const std::size_t start = out_.size();
  out_.resize(start + base64url_size(raw.size()) + 2, '"');
  char* to = out_.data() + start + 1;
  std::size_t at = 0;
  const auto byte = [&raw](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(raw[i])}; };
  const auto put_letters = [&to](std::uint32_t bits, unsigned letters) {
    for (unsigned i = 0; i < letters; ++i) *to++ = kAlphabet[bits >> (18 - 6 * i) & 63];
  };
  for (; at + 3 <= raw.size(); at += 3) put_letters(byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2), 4);
  if (at + 2 == raw.size()) put_letters(byte(at) << 16 | byte(at + 1) << 8, 3);
  if (at + 1 == raw.size()) put_letters(byte(at) << 16, 2);
}

void CanonicalWriter::put_time(UnixMillis value) {
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

void CanonicalWriter::put_object(std::string_view canonical) {
  ok_ &= is_canonical_object(canonical);
  out_ += canonical;
}

bool CanonicalWriter::finish() {
  out_ += before_ == '{' ? "{}" : "}";
  return ok_;
}

void CanonicalReader::take(std::uint64_t& value) {
  if (!take_integer(in_, value)) stop();
}

void CanonicalReader::take(std::uint32_t& value) {
  std::uint64_t wide = 0;
  take(wide);
  if (wide > UINT32_MAX) stop();
  value = static_cast<std::uint32_t>(wide);
}

void CanonicalReader::take(std::string& value) {
  if (!take_string(in_, value)) stop();
}

void CanonicalReader::take_base64url(unsigned char* out, std::size_t size) {
  const std::size_t length = base64url_size(size);
  if (in_.size() < length + 2 || in_[0] != '"' || in_[length + 1] != '"') return stop();
  const char* from = in_.data() + 1;
  std::uint32_t seen = 0;  // of letters outside the alphabet, a high bit stays
  const auto sextet = [&from, &seen] {
    const std::uint32_t bits = kSextets[static_cast<unsigned char>(*from++)];
    seen |= bits;
    return bits;
  };
  const auto put = [&out](std::uint32_t bits) { *out++ = static_cast<unsigned char>(bits); };
  for (; size >= 3; size -= 3) {
    std::uint32_t bits = sextet() << 18;
    bits |= sextet() << 12;
    bits |= sextet() << 6;
    bits |= sextet();
    put(bits >> 16), put(bits >> 8), put(bits);
  }
  // What is left of the last letter must be zero, else several spellings would mean the same.
  std::uint32_t rest = 0;
  if (size == 2) {
    std::uint32_t bits = sextet() << 12;
    bits |= sextet() << 6;
    bits |= sextet();
    put(bits >> 10), put(bits >> 2);
    rest = bits & 3;
  } else if (size == 1) {
    std::uint32_t bits = sextet() << 6;
    bits |= sextet();
    put(bits >> 4);
    rest = bits & 15;
  }
  if (seen >= 64 || rest != 0) return stop();
  in_.remove_prefix(length + 2);
}

void CanonicalReader::take_time(UnixMillis& value) {
  if (in_.size() < kTimeSize + 2) return stop();
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
  if (!digits || !marks || year < 1 || !date.ok() || hour >= 24 || minute >= 60 || second >= 60) return stop();
  const UnixMillis days = std::chrono::sys_days(date).time_since_epoch().count();
  value = days * kDayMillis + hour * 3'600'000 + minute * 60'000 + second * 1000 + milli;
  in_.remove_prefix(kTimeSize + 2);
}

void CanonicalReader::take_object(std::string& canonical) {
  const ByteView before = in_;
  if (!take_known_object(in_)) return stop();
  canonical = before.substr(0, before.size() - in_.size());
}

void CanonicalReader::take_literal(std::string_view value) {
  if (!skip(in_, '\"') || !skip(in_, value) || !skip(in_, '\"')) stop();
}

// A reader that stopped has nothing left, so no brace either.
bool CanonicalReader::finish() { return in_ == "}"; }

}  // namespace holdfast::evidence
