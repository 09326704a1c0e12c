#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

/// Owned and borrowed bytes. Strings, because every library below (RocksDB, OpenSSL, Beast) takes
/// char ranges and a second spelling of the same thing would only add casts.
using Bytes = std::string;
using ByteView = std::string_view;

/// A fixed-size value of raw bytes. `Tag` keeps values of equal size apart (a Hash is no Pseudonym).
template <std::size_t N, class Tag>
struct Fixed {
  static constexpr std::size_t kSize = N;
  std::array<unsigned char, N> bytes{};

  ByteView view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }
  /// Empty unless `raw` is exactly N bytes.
  static std::optional<Fixed> from(ByteView raw) {
    if (raw.size() != N) return std::nullopt;
    Fixed out;
    for (std::size_t i = 0; i < N; ++i) out.bytes[i] = static_cast<unsigned char>(raw[i]);
    return out;
  }
  auto operator<=>(const Fixed&) const = default;
};

/// For hash tables: the bytes are already uniformly distributed (hashes, MACs), so the first eight serve.
struct FixedHasher {
  template <std::size_t N, class Tag>
  std::size_t operator()(const Fixed<N, Tag>& value) const {
    static_assert(N >= sizeof(std::size_t));
    std::size_t out;
    __builtin_memcpy(&out, value.bytes.data(), sizeof out);
    return out;
  }
};

/// SHA-256.
using Hash = Fixed<32, struct HashTag>;
/// How evidence names a subject: a MAC under the subject's own data key, so it means nothing once that is gone.
using Pseudonym = Fixed<16, struct PseudonymTag>;
/// Where a subject's records lie: a MAC of the subject id under the vault's locator key.
using LockerId = Fixed<16, struct LockerIdTag>;

std::string to_hex(ByteView raw);
std::optional<Bytes> from_hex(std::string_view text);
/// Standard alphabet, padded (RFC 4648 §4).
std::string to_base64(ByteView raw);
std::optional<Bytes> from_base64(std::string_view text);
/// URL-safe alphabet, no padding (RFC 4648 §5).
std::string to_base64url(ByteView raw);
std::optional<Bytes> from_base64url(std::string_view text);

void put_u16(Bytes& out, std::uint16_t value);  ///< big-endian
void put_u32(Bytes& out, std::uint32_t value);
void put_u64(Bytes& out, std::uint64_t value);
/// LEB128, as in protocol buffers; at most ten bytes.
void put_varint(Bytes& out, std::uint64_t value);
/// A varint length, then the bytes.
void put_sized(Bytes& out, ByteView value);

/// Reads what the put_ functions wrote. Every read past the end answers nothing and leaves the reader
/// failed, so a decoder can read on and check once.
class ByteReader {
 public:
  explicit ByteReader(ByteView in) : in_(in) {}
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t varint();
  ByteView sized();
  ByteView take(std::size_t count);
  bool ok() const { return ok_; }
  bool done() const { return ok_ && in_.empty(); }
  std::size_t left() const { return in_.size(); }
  /// For a decoder that finds nonsense: leaves the reader failed.
  void fail() { ok_ = false; }

 private:
  ByteView in_;
  bool ok_ = true;
};

/// Is `text` well-formed UTF-8 (RFC 3629)?
bool is_utf8(std::string_view text);

}  // namespace holdfast
