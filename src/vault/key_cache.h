#pragma once

#include <sodium.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "storage/store.h"
#include "vault/vault.h"

namespace holdfast::vault {

/// The unwrapped keys of subjects opened of late, so that opening one again costs neither a read nor an unwrapping.
/// They lie in memory that is locked, kept out of core files and zeroed when it goes. Who can read that memory can read
/// the root key as well: nothing is open that was closed. An erased subject's key is zeroed by forget(). Thread-safe.
class KeyCache {
 public:
  struct Key {
    LockerId locker;  ///< of all zeros: an empty place
    std::array<unsigned char, Key256::kSize> key;
    Pseudonym pseudonym;
  };

  KeyCache();
  ~KeyCache();
  KeyCache(const KeyCache&) = delete;

  /// Taken before the store is asked for what is to be kept.
  std::uint64_t generation() const { return generation_; }
  /// Calls `use(const Key&)` under a lock, if the key is here. Answers whether.
  template <class Use>
  bool find(const LockerId& locker, Use use) const {
    if (!places_) return false;
    const std::size_t set = set_of(locker);
    const std::lock_guard lock(mutex_of(set));
    for (std::size_t i = 0; i < kWays; ++i) {
      const Key& key = places_[set * kWays + i];
      if (key.locker == locker) return use(key), true;
    }
    return false;
  }
  /// Not kept if anything was forgotten since `generation`: it may have been read before that.
  void keep(const Key& key, std::uint64_t generation);
  void forget(const LockerId& locker);

 private:
  static constexpr std::size_t kWays = 8, kSets = 8192, kLocks = 64;  // 4 MiB
  static std::size_t set_of(const LockerId& locker);
  std::mutex& mutex_of(std::size_t set) const { return mutexes_[set % kLocks]; }

  struct Free {
    void operator()(Key* places) const { sodium_free(places); }
  };
  std::unique_ptr<Key[], Free> places_;  ///< null: nothing is kept
  mutable std::array<std::mutex, kLocks> mutexes_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::size_t> victim_{0};
};

}  // namespace holdfast::vault
