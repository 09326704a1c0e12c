#include "base/bytes.h"

#include <sodium.h>
#include <utf8proc.h>

#include <algorithm>

#include "base/result.h"

namespace holdfast {
namespace {

const unsigned char* raw_of(ByteView view) { return reinterpret_cast<const unsigned char*>(view.data()); }

std::string encode(ByteView raw, int variant) {
  std::string out(sodium_base64_encoded_len(raw.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), raw_of(raw), raw.size(), variant);
  out.pop_back();  // the terminating zero is counted
  return out;
}

std::optional<Bytes> decode(std::string_view text, int variant) {
  // libsodium 1.0.18 reads bytes from 0x80 on as if they were the alphabet's last character.
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return std::nullopt;
  }
  Bytes out(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                        &size, &end, variant) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string to_hex(ByteView raw) {
  std::string out(raw.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), raw_of(raw), raw.size());
  out.pop_back();
  return out;
}

std::optional<Bytes> from_hex(std::string_view text) {
  Bytes out(text.size() / 2, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (text.size() % 2 != 0 ||
      sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr, &size,
                     &end) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  return out;
}

std::string to_base64(ByteView raw) { return encode(raw, sodium_base64_VARIANT_ORIGINAL); }
std::optional<Bytes> from_base64(std::string_view text) { return decode(text, sodium_base64_VARIANT_ORIGINAL); }
std::string to_base64url(ByteView raw) { return encode(raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING); }
std::optional<Bytes> from_base64url(std::string_view text) {
  return decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

namespace {
template <class T>
void put_big_endian(Bytes& out, T value) {
  std::array<char, sizeof(T)> raw;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    raw[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * (sizeof(T) - 1 - i))));
  }
  out.append(raw.data(), raw.size());
}
}  // namespace

void put_u16(Bytes& out, std::uint16_t value) { put_big_endian(out, value); }
void put_u32(Bytes& out, std::uint32_t value) { put_big_endian(out, value); }
void put_u64(Bytes& out, std::uint64_t value) { put_big_endian(out, value); }

void put_varint(Bytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value | 0x80)));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void put_sized(Bytes& out, ByteView value) {
  put_varint(out, value.size());
  out.append(value);
}

ByteView ByteReader::take(std::size_t count) {
  if (!ok_ || count > in_.size()) {
    ok_ = false;
    return {};
  }
  const ByteView out = in_.substr(0, count);
  in_.remove_prefix(count);
  return out;
}

namespace {
std::uint64_t big_endian(ByteView raw) {
  std::uint64_t out = 0;
  for (const char c : raw) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}
}  // namespace

std::uint8_t ByteReader::u8() { return static_cast<std::uint8_t>(big_endian(take(1))); }
std::uint16_t ByteReader::u16() { return static_cast<std::uint16_t>(big_endian(take(2))); }
std::uint32_t ByteReader::u32() { return static_cast<std::uint32_t>(big_endian(take(4))); }
std::uint64_t ByteReader::u64() { return big_endian(take(8)); }

std::uint64_t ByteReader::varint() {
  // Most are small: lengths of values, counts.
  if (ok_ && !in_.empty() && static_cast<unsigned char>(in_.front()) < 0x80) {
    const auto small = static_cast<unsigned char>(in_.front());
    in_.remove_prefix(1);
    return small;
  }
  std::uint64_t out = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    if (shift == 63 && byte > 1) break;  // does not fit 64 bits
    out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return out;
  }
  ok_ = false;
  return 0;
}

ByteView ByteReader::sized() {
  const std::uint64_t size = varint();
  return take(size > left() ? left() + 1 : static_cast<std::size_t>(size));
}

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    if (*at < 0x80) {
      ++at, --left;
      continue;
    }
    utf8proc_int32_t point = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(at, left, &point);
    if (used <= 0) return false;
    at += used, left -= used;
  }
  return true;
}

}  // namespace holdfast
