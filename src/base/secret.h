#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast {

/// Overwrites in a way that the compiler keeps.
void wipe(void* data, std::size_t size);
inline void wipe(Bytes& data) { wipe(data.data(), data.size()), data.clear(); }

/// Equal, in a time that depends on the sizes only.
bool equal_in_constant_time(ByteView a, ByteView b);

/// Fills from the kernel's generator (buffered by the library). Aborts if there is none.
void random_bytes(void* out, std::size_t size);
Bytes random_bytes(std::size_t size);

/// A 256-bit key: zeroed when dropped, kept out of swap and core files. Movable, not copyable:
/// a copy is asked for by name.
class Key256 {
 public:
  static constexpr std::size_t kSize = 32;
  Key256() = default;
  Key256(Key256&& other) noexcept;
  Key256& operator=(Key256&& other) noexcept;
  ~Key256();

  static Key256 random();
  /// invalid unless `raw` is 32 bytes. The caller wipes `raw`.
  static Result<Key256> from(ByteView raw);
  Key256 copy() const;

  ByteView view() const { return {reinterpret_cast<const char*>(bytes_), kSize}; }
  unsigned char* data() { return bytes_; }

 private:
  unsigned char bytes_[kSize] = {};
};

/// Process-wide: no core files, no ptrace by others of the same user, no swap for what is locked later.
/// Says what the machine did not allow; the caller decides whether that matters.
Result<void> harden_process();

}  // namespace holdfast
