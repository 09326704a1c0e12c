#include "vault/key_cache.h"

#include <cstring>

namespace holdfast::vault {

static_assert(std::is_trivially_copyable_v<KeyCache::Key>);

KeyCache::KeyCache() {
  if (sodium_init() < 0) return;
  places_.reset(static_cast<Key*>(sodium_allocarray(kSets * kWays, sizeof(Key))));
  if (places_) std::memset(static_cast<void*>(places_.get()), 0, kSets * kWays * sizeof(Key));
}

KeyCache::~KeyCache() = default;  // sodium_free zeroes

/// A locker's name is a MAC, so any of its bytes spread evenly.
std::size_t KeyCache::set_of(const LockerId& locker) {
  std::uint32_t bits;
  std::memcpy(&bits, locker.view().data(), sizeof bits);
  return bits % kSets;
}

void KeyCache::keep(const Key& key, std::uint64_t generation) {
  if (!places_) return;
  const std::size_t set = set_of(key.locker);
  const std::lock_guard lock(mutex_of(set));
  // Under the lock: a forget() that comes later finds the key here, one that came before has raised the number.
  if (generation != generation_) return;
  Key* place = nullptr;
  for (std::size_t i = 0; i < kWays; ++i) {
    Key& each = places_[set * kWays + i];
    if (each.locker == key.locker) return;
    if (!place && each.locker == LockerId{}) place = &each;
  }
  if (!place) place = &places_[set * kWays + victim_.fetch_add(1, std::memory_order_relaxed) % kWays];
  *place = key;
}

void KeyCache::forget(const LockerId& locker) {
  ++generation_;
  if (!places_) return;
  const std::size_t set = set_of(locker);
  const std::lock_guard lock(mutex_of(set));
  for (std::size_t i = 0; i < kWays; ++i) {
    Key& key = places_[set * kWays + i];
    if (key.locker == locker) wipe(&key, sizeof key);
  }
}

}  // namespace holdfast::vault
