#include <algorithm>

#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::Shelf;

/// As much as one piece of a sweep holds in memory, of chunks that are written anew.
constexpr std::size_t kSweepBytes = 32u << 20;

/// Longer than any keep that an agreement can spell; keeps the arithmetic far from overflow.
constexpr std::chrono::seconds kKeepMax = std::chrono::hours(24 * 366 * 10'000);

UnixMillis millis(std::chrono::seconds keep) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::clamp(keep, std::chrono::seconds(0), kKeepMax))
      .count();
}

}  // namespace

UnixMillis Vault::Impl::expired_until(std::chrono::seconds keep) const { return clock.now() - millis(keep); }

Result<bool> Vault::Impl::any_expired(const LockerId& locker, std::span<const Retention> rules) const {
  Result<bool> found = false;
  for (const Retention& rule : rules) {
    const Bytes item_key = record_item(rule.collection);
    HF_TRY(const auto value, store.get(Shelf::records, locker, item_key));
    if (value) {
      HF_TRY(const RecordHeader header, read_record_header(locker, item_key, *value));
      if (header.deposited <= expired_until(rule.keep)) return true;
    }
    // Deposit times ascend, so the first chunk tells.
    HF_CHECK(store.scan(Shelf::records, locker, chunks_prefix(rule.collection), {}, [&](ByteView key, ByteView chunk) {
      const auto header = read_chunk_header(locker, key, chunk);
      if (!header) {
        found = tl::unexpected(header.error());
      } else {
        found = header->first <= expired_until(rule.keep);
      }
      return false;
    }));
    if (!found || *found) return found;
  }
  HF_CHECK(store.scan(Shelf::records, locker, "i", {}, [&](ByteView key, ByteView answer) {
    const auto created = read_answer_created(locker, key, answer);
    if (!created) {
      found = tl::unexpected(created.error());
    } else {
      found = *created <= expired_until(kIdempotencyKept);
    }
    return found && !*found;
  }));
  return found;
}

Result<std::uint64_t> Vault::Impl::expire_record(Draft& draft, const Retention& rule) const {
  Bytes item_key = record_item(rule.collection);
  const LockerId& locker = draft.subject().locker();
  HF_TRY(const auto value, store.get(Shelf::records, locker, item_key));
  if (!value) return 0;
  HF_TRY(const RecordHeader header, read_record_header(locker, item_key, *value));
  if (header.deposited > expired_until(rule.keep)) return 0;
  draft.change_.deletes.push_back(std::move(item_key));
  return 1;
}

Result<std::uint64_t> Vault::Impl::expire_rows(Draft& draft, const Retention& rule) const {
  const Subject& subject = draft.subject();
  const LockerId& locker = subject.locker();
  const UnixMillis cutoff = expired_until(rule.keep);
  Result<std::uint64_t> count = 0;
  const auto visit = [&](ByteView key, ByteView value) -> Result<bool> {
    HF_TRY(const ChunkHeader header, read_chunk_header(locker, key, value));
    if (header.first > cutoff) return false;
    if (header.last <= cutoff) {
      draft.change_.deletes.emplace_back(key);
      *count += header.count;
      return true;
    }
    HF_TRY(const Chunk chunk, open_chunk(subject, key, value));
    HF_TRY(const Chunk rest, chunk.after(cutoff));
    draft.change_.puts.push_back({Bytes(key), seal_chunk(subject.key_, locker, rule.collection, rest)});
    *count += header.count - rest.header().count;
    return false;
  };
  HF_CHECK(store.scan(Shelf::records, locker, chunks_prefix(rule.collection), {}, [&](ByteView key, ByteView value) {
    auto more = visit(key, value);
    if (!more) count = tl::unexpected(std::move(more).error());
    return more && *more;
  }));
  return count;
}

Result<std::uint64_t> Vault::Impl::expire_answers(Draft& draft) const {
  const LockerId& locker = draft.change_.locker;
  Result<std::uint64_t> count = 0;
  HF_CHECK(store.scan(Shelf::records, locker, "i", {}, [&](ByteView key, ByteView value) {
    const auto created = read_answer_created(locker, key, value);
    if (!created) {
      count = tl::unexpected(created.error());
    } else if (*created <= expired_until(kIdempotencyKept)) {
      draft.change_.deletes.emplace_back(key);
      ++*count;
    }
    return count.has_value();
  }));
  return count;
}

Result<Draft> Vault::Impl::draft_expiry(const LockerId& locker, std::span<const Retention> rules, Sweep& counts) const {
  Subject subject;
  subject.locker_ = locker;
  subject.erasures_ = erasures;
  storage::Version version = storage::kAnyVersion;  // an answer is dropped whatever else is remembered meanwhile
  if (locker != kBatchLocker) {
    HF_TRY(subject, open(locker));
    HF_TRY(version, store.version(Shelf::records, locker));
  }
  Draft draft(std::move(subject));
  draft.change_.locker = locker;
  draft.change_.expected = version;
  std::vector<std::uint64_t> expired(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    HF_TRY(const std::uint64_t records, expire_record(draft, rules[i]));
    HF_TRY(const std::uint64_t rows, expire_rows(draft, rules[i]));
    expired[i] = records + rows;
  }
  HF_TRY(const std::uint64_t answers, expire_answers(draft));
  for (std::size_t i = 0; i < rules.size(); ++i) counts.expired[i] += expired[i];
  counts.expired_answers += answers;
  return draft;
}

Result<Sweep> Vault::prepare_sweep(std::span<const Retention> rules, std::optional<LockerId> after,
                                   std::size_t lockers) const {
  HF_TRY(const auto listed, impl_->store.list(Shelf::records, after, lockers));
  Sweep sweep;
  sweep.expired.resize(rules.size());
  std::size_t size_bytes = 0;
  for (const LockerId& locker : listed) {
    const auto due = impl_->any_expired(locker, rules);
    if (due && !*due) continue;
    // Being erased: all of it goes anyway, and its key may be gone already.
    if (impl_->is_erasing(locker)) continue;
    if (!due) {
      sweep.failed.push_back(due.error());
      continue;
    }
    auto draft = impl_->draft_expiry(locker, rules, sweep);
    if (draft) {
      size_bytes += draft->size_bytes();
      if (!draft->empty()) sweep.drafts.push_back(std::move(*draft));
      if (size_bytes < kSweepBytes) continue;
      sweep.next = locker;
      return sweep;
    } else if (draft.error().code != Code::not_found) {
      sweep.failed.push_back(std::move(draft).error());
    }
  }
  if (listed.size() == lockers && lockers > 0) sweep.next = listed.back();
  return sweep;
}

}  // namespace holdfast::vault
