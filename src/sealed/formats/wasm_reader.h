#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace holdfast::sealed {

/// Reads the numbers and names that a WebAssembly binary is made of. A read that goes wrong answers zero or nothing
/// and leaves the reader failed, so that a caller can read on and look once.
class WasmReader {
 public:
  /// `base`: where `in` lies in the file, for messages.
  WasmReader(ByteView in, std::size_t base) : in_(in), base_(base) {}

  std::uint8_t byte() { return need(1) ? static_cast<std::uint8_t>(in_[at_++]) : std::uint8_t{0}; }
  /// LEB128 of at most five bytes, without bits beyond the 32nd (§5.2.2).
  std::uint32_t u32() {
    std::uint32_t out = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const std::uint8_t next = byte();
      if (shift == 28 && next > 0x0f) break;
      out |= static_cast<std::uint32_t>(next & 0x7f) << shift;
      if (next < 0x80) return failed_ ? 0 : out;
    }
    failed_ = true;
    return 0;
  }
  /// Passes over a signed LEB128 of at most `bytes_max` bytes.
  void skip_signed(int bytes_max) {
    for (int i = 0; i < bytes_max; ++i) {
      if (byte() < 0x80) return;
    }
    failed_ = true;
  }
  void skip(std::size_t count) {
    if (need(count)) at_ += count;
  }
  ByteView take(std::size_t count) {
    if (!need(count)) return {};
    at_ += count;
    return in_.substr(at_ - count, count);
  }
  std::string_view name() {
    const std::string_view out = take(u32());
    if (!is_utf8(out)) failed_ = true;
    return out;
  }
  /// A count of things of which each takes `bytes_min` at least: no more than there can be, so that nothing is reserved
  /// for what is not there.
  std::uint32_t count(std::size_t bytes_min = 1) {
    const std::uint32_t out = u32();
    if (out > left() / bytes_min) failed_ = true;
    return failed_ ? 0 : out;
  }
  /// An expression that a constant is made by; what it comes to is of no interest here.
  void skip_constant() {
    while (!failed_) {
      switch (byte()) {
        case 0x0b:
          return;  // end
        case 0x23:
          u32();
          break;  // global.get
        case 0x41:
          skip_signed(5);
          break;  // i32.const
        case 0x42:
          skip_signed(10);
          break;  // i64.const
        case 0x43:
          skip(4);
          break;  // f32.const
        case 0x44:
          skip(8);
          break;  // f64.const
        case 0xd0:
          skip(1);
          break;  // ref.null
        case 0xd2:
          u32();
          break;    // ref.func
        case 0xfd:  // v128.const is the only one of its kind
          if (u32() != 0x0c) failed_ = true;
          skip(16);
          break;
        default:
          failed_ = true;
      }
    }
  }
  void fail() { failed_ = true; }
  bool ok() const { return !failed_; }
  bool done() const { return !failed_ && at_ == in_.size(); }
  std::size_t left() const { return failed_ ? 0 : in_.size() - at_; }
  std::size_t position() const { return base_ + at_; }

 private:
  bool need(std::size_t count) {
    if (failed_ || count > in_.size() - at_) failed_ = true;
    return !failed_;
  }
  ByteView in_;
  std::size_t base_, at_ = 0;
  bool failed_ = false;
};

}  // namespace holdfast::sealed
