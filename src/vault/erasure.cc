#include "vault/vault_impl.h"

namespace holdfast::vault {

using storage::LockerChange;
using storage::Shelf;

// The todo links a locker with a pseudonym, which an erasure must end as well: so it lies on the shelf that is
// shredded, and goes the same way once the last erasure under way is through.

Result<Erasure> Vault::begin_erasure(const Subject& subject) {
  const Erasure erasure{subject.locker(), subject.pseudonym()};
  const std::lock_guard lock(impl_->todo_mutex);
  HF_TRY(const Subject now, impl_->open(erasure.locker));
  if (now.pseudonym() != erasure.pseudonym) {
    return fail(Code::not_found, "vault.subject.unknown", "", "what was held on this subject is erased already");
  }
  {
    // Before the write: one that fails may be on disk all the same, and then a restart finishes the erasure. Until it
    // does, nothing may be acknowledged that would go along with it.
    const std::lock_guard erasing_lock(impl_->erasing_mutex);
    impl_->erasing.insert(erasure.locker);
  }
  const LockerChange change{Shelf::keys,
                            kTodoLocker,
                            storage::kAnyVersion,
                            {{Bytes(erasure.locker.view()), Bytes(erasure.pseudonym.view())}},
                            {}};
  HF_CHECK(impl_->store.apply({&change, 1}).front());
  return erasure;
}

Result<void> Vault::visit_keys(const std::function<bool(const Erasure&)>& visit) const {
  std::optional<LockerId> after;
  for (;;) {
    constexpr std::size_t kAtOnce = 256;
    HF_TRY(const auto lockers, impl_->store.list(Shelf::keys, after, kAtOnce));
    if (lockers.empty()) return {};
    for (const LockerId& locker : lockers) {
      // Not by open(), which would remember all of them in place of those who are asked for.
      auto raw = locker == kVaultLocker || locker == kTodoLocker ? Bytes() : impl_->data_key(locker).value_or(Bytes());
      if (raw.empty()) continue;
      const auto pseudonym = Pseudonym::from(ByteView(raw).substr(Key256::kSize));
      wipe(raw);
      if (pseudonym && !visit({locker, *pseudonym})) return {};
    }
    after = lockers.back();
  }
}

Result<std::vector<Erasure>> Vault::unfinished_erasures() const {
  std::vector<Erasure> out;
  bool fine = true;
  HF_CHECK(impl_->store.scan(Shelf::keys, kTodoLocker, {}, {}, [&](ByteView locker, ByteView pseudonym) {
    const auto where = LockerId::from(locker);
    const auto who = Pseudonym::from(pseudonym);
    fine = where && who;
    if (fine) out.push_back({*where, *who});
    return fine;
  }));
  if (fine) return out;
  return fail(Code::corrupt, "vault.erasure.malformed", "locker " + to_hex(kTodoLocker.view()),
              "the list of unfinished erasures is damaged; restore the keys from a backup");
}

Result<void> Vault::finish_erasures(std::span<const Erasure> erasures) {
  if (erasures.empty()) return {};
  const std::lock_guard one_at_a_time(impl_->finishing_mutex);
  const std::uint64_t number = impl_->erasures + 1;
  // Whoever comes from now on sees that these are being erased; those under way may still write, and are waited for.
  impl_->gate.drain();
  std::vector<LockerId> lockers;
  LockerChange done{Shelf::keys, kTodoLocker, storage::kAnyVersion, {}, {}};
  for (const Erasure& erasure : erasures) {
    lockers.push_back(erasure.locker);
    done.deletes.emplace_back(erasure.locker.view());
  }
  HF_CHECK(impl_->store.shred(Shelf::keys, lockers));
  for (const LockerId& locker : lockers) impl_->keys.forget(locker);
  for (const LockerId& locker : lockers) {
    HF_CHECK(impl_->keep_erased(locker, number));
    HF_CHECK(impl_->store.remove(Shelf::records, locker));
  }

  const std::lock_guard lock(impl_->todo_mutex);
  HF_CHECK(impl_->store.apply({&done, 1}).front());
  HF_TRY(const auto left, unfinished_erasures());
  if (left.empty()) HF_CHECK(impl_->store.shred(Shelf::keys, std::span(&kTodoLocker, 1)));
  impl_->erasures = number;  // before they may come back: who opened one of them earlier is asked to look again
  const std::lock_guard erasing_lock(impl_->erasing_mutex);
  for (const LockerId& locker : lockers) impl_->erasing.erase(locker);
  return {};
}

std::uint64_t Vault::erasures() const { return impl_->erasures; }

}  // namespace holdfast::vault
