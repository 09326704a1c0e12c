#include <thread>

#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::LockerChange;
using storage::Shelf;

/// Keys wrapped anew at one sync.
constexpr std::size_t kBatch = 256;
/// After so many, some tenths of a millisecond, requests have their turn: with a yield for each, a rotation under full
/// load would not come to its end.
constexpr std::size_t kTurn = 32;
/// A key changes at most by being made, erased, or wrapped by another rotation.
constexpr int kTries = 8;

}  // namespace

Result<void> Vault::Impl::rewrap(std::span<const LockerId> lockers, const RootKeyId& newest) {
  std::vector<LockerId> todo(lockers.begin(), lockers.end());
  for (int tries = 0; !todo.empty() && tries < kTries; ++tries) {
    std::vector<LockerChange> changes;
    std::size_t looked = 0;
    for (const LockerId& locker : todo) {
      if (++looked % kTurn == 0) std::this_thread::yield();
      HF_TRY(const storage::Version version, store.version(Shelf::keys, locker));
      HF_TRY(const auto wrapped, store.get(Shelf::keys, locker, kKeyItem));
      if (!wrapped) continue;
      HF_TRY(const RootKeyId by, RootKeys::wrapped_by(*wrapped));
      if (by == newest) continue;
      HF_TRY(Bytes raw, unwrap(locker, *wrapped));
      auto again = roots.wrap(raw, key_context(locker));
      wipe(raw);
      if (!again) return tl::unexpected(std::move(again).error());
      changes.push_back({Shelf::keys, locker, version, {{Bytes(kKeyItem), std::move(*again)}}, {}});
    }
    todo.clear();
    if (changes.empty()) break;
    auto applied = store.apply(changes);
    for (std::size_t i = 0; i < applied.size(); ++i) {
      if (applied[i]) continue;
      if (applied[i].error().code != Code::conflict) return tl::unexpected(std::move(applied[i]).error());
      todo.push_back(changes[i].locker);
    }
  }
  if (todo.empty()) return {};
  return fail(Code::unavailable, "vault.rotation.contended", place(todo.front(), kKeyItem),
              "a key kept changing while it was to be wrapped anew; run the rotation again");
}

Result<Rotation> Vault::rotate_root_key() {
  const std::lock_guard one_at_a_time(impl_->rotation_mutex);
  if (impl_->roots.ids().size() == 1) HF_CHECK(impl_->roots.add_new());
  const auto ids = impl_->roots.ids();
  Rotation out{ids.front(), ids.back(), 0};
  // Keys on their way to the store may be wrapped by the old root key; later ones are not.
  impl_->gate.drain();

  std::optional<LockerId> after;
  for (;;) {
    HF_TRY(const auto lockers, impl_->store.list(Shelf::keys, after, kBatch));
    if (lockers.empty()) break;
    HF_CHECK(impl_->rewrap(lockers, out.to));
    after = lockers.back();
    out.keys += lockers.size();
  }
  HF_CHECK(impl_->roots.drop_old());
  return out;
}

}  // namespace holdfast::vault
