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

/// A member's name, known at compile time: so it is compared and written by whole words, not letter by letter.
template <std::size_t N>
using MemberName = const char (&)[N];

/// Writes one object. A value that has no canonical spelling (not UTF-8, too large) leaves the writer failed.
class CanonicalWriter {
 public:
  explicit CanonicalWriter(Bytes& out) : out_(out) {}

  template <std::size_t N, class T>
  void operator()(MemberName<N> name, const T& value) {
    begin(name);
    put(value);
  }
  template <std::size_t N, class T>
  void operator()(MemberName<N> name, const std::optional<T>& value) {
    if (value) (*this)(name, *value);
  }
  template <std::size_t N>
  void time(MemberName<N> name, UnixMillis value) {
    begin(name);
    put_time(value);
  }
  template <std::size_t N>
  void object(MemberName<N> name, std::string_view canonical) {
    begin(name);
    put_object(canonical);
  }
  template <std::size_t N>
  void literal(MemberName<N> name, std::string_view value) {
    (*this)(name, value);
  }
  /// An object within, whose members `members(*this, value)` writes; at least one of them is always there.
  template <std::size_t N, class T, class Members>
  void group(MemberName<N> name, const T& value, Members members) {
    begin(name);
    before_ = '{';
    members(*this, value);
    out_.push_back('}');
    before_ = ',';
  }
  template <std::size_t N, class T, class Members>
  void group(MemberName<N> name, const std::optional<T>& value, Members members) {
    if (value) group(name, *value, members);
  }
  /// Closes the object; false when it could not be written.
  bool finish();

 private:
  template <std::size_t N>
  void begin(MemberName<N> name) {
    char text[N + 3];
    text[0] = before_;
    text[1] = '"';
    __builtin_memcpy(text + 2, name, N - 1);
    text[N + 1] = '"';
    text[N + 2] = ':';
    out_.append(text, sizeof text);
    before_ = ',';
  }
  void put(std::uint64_t value);
  void put(std::string_view text);
  template <class T>
  void put(const std::vector<T>& value) {
    char before = '[';
    for (const T& each : value) {
      out_.push_back(before);
      put(each);
      before = ',';
    }
    out_ += value.empty() ? "[]" : "]";
  }
  template <std::size_t N, class Tag>
  void put(const Fixed<N, Tag>& value) {
    put_base64url(value.view());
  }
  void put_time(UnixMillis value);
  void put_object(std::string_view canonical);
  void put_base64url(ByteView raw);

  Bytes& out_;
  char before_ = '{';
  bool ok_ = true;
};

/// Reads what CanonicalWriter writes, and nothing else: any other spelling leaves the reader failed, with nothing more
/// to read.
class CanonicalReader {
 public:
  explicit CanonicalReader(ByteView in) : in_(in) {}

  template <std::size_t N, class T>
  void operator()(MemberName<N> name, T& value) {
    begin(name);
    take(value);
  }
  template <std::size_t N, class T>
  void operator()(MemberName<N> name, std::optional<T>& value) {
    if (at_member(name)) (*this)(name, value.emplace());
  }
  template <std::size_t N>
  void time(MemberName<N> name, UnixMillis& value) {
    begin(name);
    take_time(value);
  }
  template <std::size_t N>
  void object(MemberName<N> name, std::string& canonical) {
    begin(name);
    take_object(canonical);
  }
  template <std::size_t N>
  void literal(MemberName<N> name, std::string_view value) {
    begin(name);
    take_literal(value);
  }
  template <std::size_t N, class T, class Members>
  void group(MemberName<N> name, T& value, Members members) {
    begin(name);
    before_ = '{';
    members(*this, value);
    close();
  }
  template <std::size_t N, class T, class Members>
  void group(MemberName<N> name, std::optional<T>& value, Members members) {
    if (at_member(name)) group(name, value.emplace(), members);
  }
  /// Takes the closing brace; false unless all went well and nothing follows.
  bool finish();

 private:
  template <std::size_t N>
  bool at_member(MemberName<N> name) const {
    return in_.size() > N + 3 && in_[0] == before_ && in_[1] == '"' &&
           __builtin_memcmp(in_.data() + 2, name, N - 1) == 0 && in_[N + 1] == '"' && in_[N + 2] == ':';
  }
  template <std::size_t N>
  void begin(MemberName<N> name) {
    if (at_member(name)) {
      in_.remove_prefix(N + 3);
    } else {
      stop();
    }
    before_ = ',';
  }
  void stop() { in_ = {}; }
  bool take_mark(char c) {
    if (!in_.starts_with(c)) return false;
    in_.remove_prefix(1);
    return true;
  }
  void close() {
    if (before_ == ',' && in_.starts_with('}')) {
      in_.remove_prefix(1);
    } else {
      stop();
    }
    before_ = ',';
  }
  void take(std::uint64_t& value);
  void take(std::uint32_t& value);
  void take(std::string& value);
  template <class T>
  void take(std::vector<T>& value) {
    if (!take_mark('[')) return stop();
    if (take_mark(']')) return;
    do {
      take(value.emplace_back());
    } while (take_mark(','));
    if (!take_mark(']')) stop();
  }
  template <std::size_t N, class Tag>
  void take(Fixed<N, Tag>& value) {
    take_base64url(value.bytes.data(), N);
  }
  void take_time(UnixMillis& value);
  void take_object(std::string& canonical);
  void take_literal(std::string_view value);
  void take_base64url(unsigned char* out, std::size_t size);

  ByteView in_;
  char before_ = '{';
};

}  // namespace holdfast::evidence
