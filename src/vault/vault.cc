#include "vault/vault.h"

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::LockerChange;
using storage::Shelf;

constexpr std::size_t kSubjectKeyBytes = Key256::kSize + Pseudonym::kSize;

}  // namespace

Bytes key_context(const LockerId& locker) { return "key of locker " + Bytes(locker.view()); }

tl::unexpected<Error> still_erasing() {
  return fail(Code::unavailable, "vault.subject.erasing", "",
              "what was held on this subject is still being erased; try again when that is done", 1);
}

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Vault::~Vault() = default;

Result<std::unique_ptr<Vault>> Vault::create(storage::Store& store, RootKeys& roots, const Clock& clock) {
  auto impl = std::make_unique<Impl>(store, roots, clock);
  HF_CHECK(impl->start());
  std::unique_ptr<Vault> vault(new Vault(std::move(impl)));
  HF_TRY(const auto unfinished, vault->unfinished_erasures());
  for (const Erasure& erasure : unfinished) vault->impl_->erasing.insert(erasure.locker);
  return vault;
}

Result<void> Vault::Impl::start() {
  HF_TRY(vault_key, own_key());
  locator_key = derive_key(vault_key, "holdfast vault locator");
  batch_key = derive_key(vault_key, "holdfast vault batch answers");
  HF_TRY(erasures, erasures_so_far());
  return {};
}

/// From the key everything else of the vault is derived: so it is never made anew over records that exist.
Result<Key256> Vault::Impl::own_key() {
  HF_TRY(std::optional<Bytes> wrapped, store.get(Shelf::keys, kVaultLocker, kKeyItem));
  if (!wrapped) {
    HF_TRY(const auto records, store.list(Shelf::records, std::nullopt, 1));
    HF_TRY(const auto others, store.list(Shelf::keys, std::nullopt, 1));
    if (!records.empty() || !others.empty()) {
      return fail(Code::corrupt, "vault.keys.missing", "",
                  "there are records, but the vault's own key is gone; restore the keys part of the backup too");
    }
    const Key256 fresh = Key256::random();
    HF_TRY(wrapped, roots.wrap(fresh.view(), key_context(kVaultLocker)));
    const LockerChange change{Shelf::keys, kVaultLocker, 0, {{Bytes(kKeyItem), *wrapped}}, {}};
    HF_CHECK(store.apply({&change, 1}).front());
  }
  HF_TRY(Bytes raw, roots.unwrap(*wrapped, key_context(kVaultLocker)));
  auto key = Key256::from(raw);
  wipe(raw);
  return key;
}

Key256 Vault::derive_secret(std::string_view purpose) const {
  return derive_key(impl_->vault_key, "holdfast vault secret: " + std::string(purpose));
}

Key256 Subject::derive_secret(std::string_view purpose) const {
  return derive_key(key_, "holdfast subject secret: " + std::string(purpose));
}

LockerId Vault::locker_of(std::string_view subject_id) const {
  return *LockerId::from(hmac_sha256(impl_->locator_key.view(), subject_id).view().substr(0, LockerId::kSize));
}

bool Vault::Impl::is_erasing(const LockerId& locker) const {
  const std::lock_guard lock(erasing_mutex);
  return erasing.contains(locker);
}

Result<Bytes> Vault::Impl::unwrap(const LockerId& locker, ByteView wrapped) const {
  auto raw = roots.unwrap(wrapped, key_context(locker));
  if (!raw) {
    raw.error().where = place(locker, kKeyItem) + ", " + raw.error().where;
    return raw;
  }
  if (raw->size() == kSubjectKeyBytes || locker == kVaultLocker) return raw;
  wipe(*raw);
  return fail(Code::corrupt, "vault.wrapped.damaged", place(locker, kKeyItem),
              "a wrapped key is not of this version; restore the keys from a backup");
}

/// The unwrapped key of a subject; the caller wipes it.
Result<Bytes> Vault::Impl::data_key(const LockerId& locker) const {
  for (Bytes before;;) {
    HF_TRY(auto wrapped, store.get(Shelf::keys, locker, kKeyItem));
    if (!wrapped) {
      return fail(Code::not_found, "vault.subject.unknown", "", "nothing is held on this subject; check the id");
    }
    auto raw = unwrap(locker, *wrapped);
    // A rotation may end between the two: then the root key is gone, and another wrap is there to be read.
    if (raw || raw.error().slug != "vault.root_key.missing" || *wrapped == before) return raw;
    before = std::move(*wrapped);
  }
}

Result<Subject> Vault::Impl::open(const LockerId& locker) const {
  Subject subject;
  subject.erasures_ = erasures;  // before the read: an erasure that ends between the two is noticed at commit
  subject.locker_ = locker;
  const std::uint64_t generation = keys.generation();
  const bool kept = keys.find(locker, [&subject](const KeyCache::Key& key) {
    std::ranges::copy(key.key, subject.key_.data());
    subject.pseudonym_ = key.pseudonym;
  });
  if (kept) return subject;
  HF_TRY(Bytes raw, data_key(locker));
  std::copy_n(raw.begin(), Key256::kSize, subject.key_.data());
  subject.pseudonym_ = *Pseudonym::from(ByteView(raw).substr(Key256::kSize));
  wipe(raw);
  KeyCache::Key key{locker, {}, subject.pseudonym_};
  std::copy_n(subject.key_.data(), Key256::kSize, key.key.data());
  keys.keep(key, generation);
  wipe(&key, sizeof key);
  return subject;
}

/// The pseudonym is keyed from the data key, and stored with it, wrapped, since a subject is opened far more often
/// than made.
Result<std::pair<Subject, Bytes>> Vault::Impl::make_subject(const LockerId& locker) const {
  Subject subject;
  subject.erasures_ = erasures;
  subject.locker_ = locker;
  subject.key_ = Key256::random();
  const Key256 naming_key = derive_key(subject.key_, "holdfast vault pseudonym");
  const Hash name = hmac_sha256(naming_key.view(), locker.view());
  subject.pseudonym_ = *Pseudonym::from(name.view().substr(0, Pseudonym::kSize));
  Bytes raw;
  raw.reserve(kSubjectKeyBytes);
  raw.append(subject.key_.view()).append(subject.pseudonym_.view());
  auto wrapped = roots.wrap(raw, key_context(locker));
  wipe(raw);
  if (!wrapped) return tl::unexpected(std::move(wrapped).error());
  return std::pair(std::move(subject), std::move(*wrapped));
}

bool Vault::Impl::still_stands(const Subject& subject) const {
  if (subject.erasures_ == erasures) return true;
  const auto now = open(subject.locker());
  return now && now->pseudonym() == subject.pseudonym();
}

Result<Subject> Vault::open(std::string_view subject_id) const {
  HF_CHECK(check_subject_id(subject_id));
  return impl_->open(locker_of(subject_id));
}

Result<std::vector<LockerId>> Vault::list(std::optional<LockerId> after, std::size_t count) const {
  for (;;) {
    HF_TRY(auto lockers, impl_->store.list(storage::Shelf::records, after, count));
    if (lockers.empty()) return lockers;
    after = lockers.back();
    std::erase(lockers, kBatchLocker);  // the vault's own
    if (!lockers.empty()) return lockers;
  }
}

Result<Subject> Vault::open_locker(const LockerId& locker) const { return impl_->open(locker); }

Result<Subject> Vault::open_or_create(std::string_view subject_id) {
  return std::move(open_or_create(std::span(&subject_id, 1)).front());
}

std::vector<Result<Subject>> Vault::open_or_create(std::span<const std::string_view> subject_ids) {
  std::vector<Result<Subject>> out;
  out.reserve(subject_ids.size());
  std::vector<LockerChange> changes;
  std::vector<std::size_t> makers;  // of each change, the index into `out`
  std::unordered_map<LockerId, std::size_t, FixedHasher> making;
  std::vector<std::size_t> again;  // those to be opened once the changes are made
  const Gate::Pass pass(impl_->gate);

  for (const std::string_view id : subject_ids) {
    out.push_back(open(id));
    const bool unknown = !out.back() && out.back().error().code == Code::not_found;
    if (!out.back() && !unknown) continue;
    const LockerId locker = unknown ? locker_of(id) : out.back()->locker();
    // Asked after the look at the store: what is absent because it was just shredded is seen here.
    if (impl_->is_erasing(locker)) {
      out.back() = still_erasing();
      continue;
    }
    if (!unknown) continue;
    if (!making.emplace(locker, out.size() - 1).second) {
      again.push_back(out.size() - 1);
      continue;
    }
    auto made = impl_->make_subject(locker);
    if (!made) {
      out.back() = tl::unexpected(std::move(made).error());
      continue;
    }
    out.back() = std::move(made->first);
    // 0: only if there is no such locker still; whoever came first made the key.
    changes.push_back({Shelf::keys, locker, 0, {{Bytes(kKeyItem), std::move(made->second)}}, {}});
    makers.push_back(out.size() - 1);
  }
  if (!changes.empty()) {
    auto applied = impl_->store.apply(changes);
    for (std::size_t i = 0; i < applied.size(); ++i) {
      if (applied[i]) continue;
      if (applied[i].error().code == Code::conflict) {
        again.push_back(makers[i]);
      } else {
        out[makers[i]] = tl::unexpected(std::move(applied[i]).error());
      }
    }
  }
  for (const std::size_t i : again) out[i] = open(subject_ids[i]);
  return out;
}

}  // namespace holdfast::vault
