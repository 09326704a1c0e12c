#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace holdfast::evidence {

// The part of RFC 8785 that entries use: objects, arrays, strings, and integers from 0 to 2^53 - 1. Written by hand
// because appending and verifying an entry must cost less than hashing it, and because a reader that knows the one
// right spelling needs no second pass to see whether it was used. Both classes take an object's members in the order
// of their names, each with a call of the same shape, so that one description of an entry serves both.

inline constexpr std::uint64_t kJsonIntegerMax = (std::uint64_t{1} << 53) - 1;

/// Is `json` one canonical object, of at most 16 levels?
bool is_canonical_object(ByteView json);

/// Writes one object. A value that has no canonical spelling (not UTF-8, too large) leaves the writer failed.
class CanonicalWriter {
 public:
  explicit CanonicalWriter(Bytes& out) : out_(out) {}

  void operator()(std::string_view name, std::uint64_t value);
  void operator()(std::string_view name, std::string_view value);
  void operator()(std::string_view name, const std::vector<std::string>& value);
  template <std::size_t N, class Tag>
  void operator()(std::string_view name, const Fixed<N, Tag>& value) {
    put_base64url(name, value.view());
  }
  template <class T>
  void operator()(std::string_view name, const std::optional<T>& value) {
    if (value) (*this)(name, *value);
  }
  void time(std::string_view name, UnixMillis value);
  void object(std::string_view name, std::string_view canonical);
  void literal(std::string_view name, std::string_view value) { (*this)(name, value); }
  /// Closes the object; false when it could not be written.
  bool finish();

 private:
  void begin(std::string_view name);
  void put_string(std::string_view text);
  void put_base64url(std::string_view name, ByteView raw);

  Bytes& out_;
  char before_ = '{';
  bool ok_ = true;
};

/// Reads what CanonicalWriter writes, and nothing else: any other spelling leaves the reader failed.
class CanonicalReader {
 public:
  explicit CanonicalReader(ByteView in) : in_(in) {}

  void operator()(std::string_view name, std::uint64_t& value);
  void operator()(std::string_view name, std::uint32_t& value);
  void operator()(std::string_view name, std::string& value);
  void operator()(std::string_view name, std::vector<std::string>& value);
  template <std::size_t N, class Tag>
  void operator()(std::string_view name, Fixed<N, Tag>& value) {
    read_base64url(name, value.bytes.data(), N);
  }
  template <class T>
  void operator()(std::string_view name, std::optional<T>& value) {
    if (at_member(name)) (*this)(name, value.emplace());
  }
  void time(std::string_view name, UnixMillis& value);
  void object(std::string_view name, std::string& canonical);
  void literal(std::string_view name, std::string_view value);
  /// Takes the closing brace; false unless all went well and nothing follows.
  bool finish();

 private:
  bool at_member(std::string_view name) const;
  void begin(std::string_view name);
  void read_base64url(std::string_view name, unsigned char* out, std::size_t size);

  ByteView in_;
  char before_ = '{';
  bool ok_ = true;
};

}  // namespace holdfast::evidence
