#include "base/hash.h"
#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::Shelf;

Result<Bytes> plain_answer(const Remembered& remembered) {
  if (remembered.answer.size() > kAnswerBytesMax) {
    return fail(Code::invalid, "vault.answer.large", "", "an answer to be remembered has at most 64 KiB");
  }
  return Bytes(remembered.request.view()) + remembered.answer;
}

/// Where the vault's own locker keeps that a request's answer went with an erased subject; without an item's key, when
/// that was. Under a key of the vault's: both a subject's id and an idempotency key may be guessed.
Bytes erased_item(const Key256& key, const LockerId& erased, ByteView item_key = {}) {
  return answer_item(hmac_sha256(key.view(), Bytes(erased.view()).append(item_key)).view());
}

/// Where it keeps how many erasures there were when a key first came.
Bytes begun_item(std::string_view key) { return answer_item("begun\n" + Bytes(key)); }

Bytes encode_count(std::uint64_t count) {
  Bytes out;
  put_u64(out, count);
  return out;
}

std::optional<std::uint64_t> decode_count(ByteView bytes) {
  ByteReader reader(bytes);
  const std::uint64_t count = reader.u64();
  return reader.done() ? std::optional(count) : std::nullopt;
}

tl::unexpected<Error> malformed(ByteView item_key) {
  return fail(Code::corrupt, "vault.item.malformed", place(kBatchLocker, item_key),
              "a count of erasures is cut short; restore a backup");
}

}  // namespace

Result<std::optional<Remembered>> Vault::Impl::recall(const Key256& key, const LockerId& locker,
                                                      std::string_view name) const {
  const Bytes item_key = answer_item(name);
  HF_TRY(const auto value, store.get(Shelf::records, locker, item_key));
  if (!value) return std::optional<Remembered>();
  HF_TRY(const Bytes plaintext, unseal_answer(key, locker, item_key, *value));
  const auto request = Hash::from(ByteView(plaintext).substr(0, Hash::kSize));
  if (!request) {
    return fail(Code::corrupt, "vault.item.malformed", place(locker, item_key), "a stored answer is cut short");
  }
  return std::optional(Remembered{*request, plaintext.substr(Hash::kSize)});
}

Result<std::optional<Remembered>> Vault::recall(const Subject& subject, std::string_view key) const {
  return impl_->judged(subject, impl_->recall(subject.key_, subject.locker(), key));
}

Result<std::optional<Remembered>> Vault::recall_batch(std::string_view key) const {
  return impl_->recall(impl_->batch_key, kBatchLocker, key);
}

Result<void> Vault::remember(Draft& draft, std::string_view key, const Remembered& remembered) const {
  HF_TRY(const Bytes plaintext, plain_answer(remembered));
  const Subject& subject = draft.subject();
  Bytes item_key = answer_item(key);
  Bytes sealed = seal_answer(subject.key_, subject.locker(), item_key, impl_->clock.now(), plaintext);
  Impl::put(draft, std::move(item_key), std::move(sealed));
  return {};
}

Result<void> Vault::remember_batch(std::string_view key, const Remembered& remembered) {
  HF_TRY(const Bytes plaintext, plain_answer(remembered));
  Bytes item_key = answer_item(key);
  Bytes sealed = seal_answer(impl_->batch_key, kBatchLocker, item_key, impl_->clock.now(), plaintext);
  storage::LockerChange change{Shelf::records, kBatchLocker, storage::kAnyVersion, {}, {}};
  change.puts.push_back({std::move(item_key), std::move(sealed)});
  HF_CHECK(impl_->store.apply({&change, 1}).front());
  return {};
}

Result<std::uint64_t> Vault::Impl::erasures_so_far() const {
  HF_TRY(const auto value, store.get(Shelf::records, kBatchLocker, kErasuresItem));
  if (!value) return 0;
  const auto count = decode_count(*value);
  if (!count) return malformed(kErasuresItem);
  return *count;
}

Result<std::optional<std::uint64_t>> Vault::Impl::kept_count(ByteView item_key) const {
  HF_TRY(const auto value, store.get(Shelf::records, kBatchLocker, item_key));
  if (!value) return std::optional<std::uint64_t>();
  HF_TRY(const Bytes plaintext, unseal_answer(batch_key, kBatchLocker, item_key, *value));
  const auto count = decode_count(plaintext);
  if (!count) return malformed(item_key);
  return count;
}

Result<std::optional<std::uint64_t>> Vault::last_erasure(const LockerId& locker) const {
  return impl_->kept_count(erased_item(impl_->batch_key, locker));
}

Result<std::uint64_t> Vault::begin_batch(std::string_view key) {
  Bytes item_key = begun_item(key);
  HF_TRY(const auto begun, impl_->kept_count(item_key));
  if (begun) return *begun;
  const std::uint64_t now = impl_->erasures;
  Bytes sealed = seal_answer(impl_->batch_key, kBatchLocker, item_key, impl_->clock.now(), encode_count(now));
  storage::LockerChange change{Shelf::records, kBatchLocker, storage::kAnyVersion, {}, {}};
  change.puts.push_back({std::move(item_key), std::move(sealed)});
  HF_CHECK(impl_->store.apply({&change, 1}).front());
  return now;
}

storage::LockerChange Vault::Impl::erasure_change(const LockerId& erased, std::uint64_t number) const {
  storage::LockerChange change{Shelf::records, kBatchLocker, storage::kAnyVersion, {}, {}};
  Bytes last = erased_item(batch_key, erased);
  Bytes when = seal_answer(batch_key, kBatchLocker, last, clock.now(), encode_count(number));
  change.puts.push_back({std::move(last), std::move(when)});
  change.puts.push_back({Bytes(kErasuresItem), encode_count(number)});
  return change;
}

Result<void> Vault::note_erasure(const LockerId& locker) {
  const std::lock_guard one_at_a_time(impl_->finishing_mutex);
  const std::uint64_t number = impl_->erasures + 1;
  const storage::LockerChange change = impl_->erasure_change(locker, number);
  HF_CHECK(impl_->store.apply({&change, 1}).front());
  impl_->erasures = number;
  return {};
}

Result<void> Vault::Impl::keep_erased(const LockerId& erased, std::uint64_t number) {
  storage::LockerChange change = erasure_change(erased, number);
  Result<void> outcome;
  HF_CHECK(store.scan(Shelf::records, erased, "i", {}, [&](ByteView item_key, ByteView value) {
    const auto created = read_answer_created(erased, item_key, value);
    if (!created) return outcome = tl::unexpected<Error>(created.error()), false;
    Bytes item = erased_item(batch_key, erased, item_key);
    Bytes sealed = seal_answer(batch_key, kBatchLocker, item, *created, {});  // so that it goes when it would have gone
    change.puts.push_back({std::move(item), std::move(sealed)});
    return true;
  }));
  HF_CHECK(std::move(outcome));
  HF_CHECK(store.apply({&change, 1}).front());
  return {};
}

Result<bool> Vault::answer_erased(std::string_view subject_id, std::string_view key) const {
  const Bytes item = erased_item(impl_->batch_key, locker_of(subject_id), answer_item(key));
  HF_TRY(const auto value, impl_->store.get(Shelf::records, kBatchLocker, item));
  if (!value) return false;
  HF_CHECK(unseal_answer(impl_->batch_key, kBatchLocker, item, *value));
  return true;
}

}  // namespace holdfast::vault
