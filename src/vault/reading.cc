#include <limits>

#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::Shelf;

tl::unexpected<Error> gap(const LockerId& locker, ByteView item_key) {
  return fail(Code::corrupt, "vault.chunk.gap", place(locker, item_key),
              "stored rows are missing before these, or stand twice; restore them from a backup");
}

/// Hands out a chunk's rows that were deposited after `expired`; false when the visitor wants no more.
Result<bool> visit_rows(const LockerId& locker, const Chunk& chunk, UnixMillis expired, Record& record,
                        const RowVisitor& visit) {
  RowReader row(chunk);
  while (row.next()) {
    if (row.deposited() <= expired) continue;
    row.copy_to(record);
    if (!visit({row.key(), row.deposited(), record})) return false;
  }
  if (row.ok()) return true;
  return fail(Code::corrupt, "vault.chunk.malformed",
              "locker " + to_hex(locker.view()) + ", chunk " + std::to_string(chunk.header().number),
              "stored rows do not have the form of rows; restore them from a backup");
}

}  // namespace

Result<StoredRecord> Vault::Impl::stored_record(const Subject& subject, ByteView item_key, ByteView value) const {
  const LockerId& locker = subject.locker();
  HF_TRY(const RecordHeader header, read_record_header(locker, item_key, value));
  HF_TRY(const Bytes plaintext, open_record(subject, item_key, value));
  StoredRecord out{header.version, header.deposited, {}};
  if (auto decoded = decode_record(plaintext, out.record); !decoded) {
    decoded.error().where = place(locker, item_key);
    return tl::unexpected(std::move(decoded).error());
  }
  return out;
}

Result<void> Vault::Impl::chunks(const Subject& subject, const Draft* draft, CollectionId collection,
                                 const std::function<Result<bool>(const Chunk&)>& visit) const {
  Result<bool> more = true;
  std::optional<std::uint32_t> before;
  const auto take = [&](ByteView item_key, ByteView value) {
    auto chunk = open_chunk(subject, item_key, value);
    if (!chunk) {
      more = tl::unexpected(std::move(chunk).error());
    } else if (before && chunk->header().number != *before + 1) {
      more = gap(subject.locker(), item_key);
    } else {
      before = chunk->header().number;
      more = visit(*chunk);
    }
    return more && *more;
  };
  const Bytes prefix = chunks_prefix(collection), tail = chunk_item(collection, kTail);
  std::vector<const storage::Item*> drafted;  // in the order of their numbers, the tail last
  if (draft != nullptr) {
    for (const storage::Item& item : draft->change_.puts) {
      if (item.key.starts_with(prefix) && item.key != tail) drafted.push_back(&item);
    }
    for (const storage::Item& item : draft->change_.puts) {
      if (item.key == tail) drafted.push_back(&item);
    }
  }
  HF_CHECK(store.scan(Shelf::records, subject.locker(), prefix, {}, [&](ByteView item_key, ByteView value) {
    return (!drafted.empty() && item_key == tail) || take(item_key, value);
  }));
  for (std::size_t i = 0; i < drafted.size() && more && *more; ++i) take(drafted[i]->key, drafted[i]->value);
  if (!more) return tl::unexpected(std::move(more).error());
  return {};
}

Result<StoredRecord> Vault::read(const Subject& subject, const Retention& retention) const {
  const auto unknown = [] {
    return fail(Code::not_found, "vault.record.unknown", "", "nothing is held on this subject in this collection");
  };
  const Bytes item_key = record_item(retention.collection);
  HF_TRY(const auto value, impl_->store.get(Shelf::records, subject.locker(), item_key));
  if (!value) return unknown();
  HF_TRY(StoredRecord stored, impl_->stored_record(subject, item_key, *value));
  if (stored.deposited <= impl_->expired_until(retention.keep)) return unknown();
  return stored;
}

Result<void> Vault::read_rows(const Subject& subject, const Retention& retention, const RowVisitor& visit) const {
  const UnixMillis expired = impl_->expired_until(retention.keep);
  Record record;
  return impl_->chunks(subject, nullptr, retention.collection,
                       [&](const Chunk& chunk) { return visit_rows(subject.locker(), chunk, expired, record, visit); });
}

Result<void> Vault::read_all(const Subject& subject,
                             const std::function<bool(CollectionId, const StoredRecord&)>& visit_record,
                             const std::function<bool(CollectionId, const StoredRow&)>& visit_row) const {
  bool more = true;
  Result<void> outcome;
  HF_CHECK(impl_->store.scan(Shelf::records, subject.locker(), "r", {}, [&](ByteView item_key, ByteView value) {
    auto record = impl_->stored_record(subject, item_key, value);
    if (!record) {
      outcome = tl::unexpected(std::move(record).error());
      return false;
    }
    return more = visit_record(collection_of(item_key), *record);
  }));
  // From collection to collection: the first chunk of each says where the next one starts.
  std::optional<CollectionId> collection;
  Record row_record;
  Bytes from;
  while (outcome && more) {
    collection.reset();
    HF_CHECK(impl_->store.scan(Shelf::records, subject.locker(), "c", from, [&](ByteView item_key, ByteView) {
      collection = collection_of(item_key);
      return false;
    }));
    if (!collection) break;
    const auto take = [&](const StoredRow& row) { return more = visit_row(*collection, row); };
    outcome = impl_->chunks(subject, nullptr, *collection, [&](const Chunk& chunk) {
      return visit_rows(subject.locker(), chunk, std::numeric_limits<UnixMillis>::min(), row_record, take);
    });
    from = chunk_item(*collection, kTail) + '\0';
  }
  return outcome;
}

Result<std::optional<Bytes>> Vault::Impl::load(const Draft& draft, ByteView item_key) const {
  for (const storage::Item& item : draft.change_.puts) {
    if (item.key == item_key) return std::optional(item.value);
  }
  return store.get(Shelf::records, draft.subject().locker(), item_key);
}

}  // namespace holdfast::vault
