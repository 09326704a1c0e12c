#include <algorithm>
#include <unordered_map>

#include "vault/vault_impl.h"

namespace holdfast::vault {
namespace {

using storage::Shelf;

/// A deposit of what is there already is written anew once its retention would be off by this much.
std::chrono::milliseconds renewed_after(std::chrono::seconds keep) {
  return std::min<std::chrono::milliseconds>(std::chrono::hours(24), keep / 100);
}

tl::unexpected<Error> stale() {
  return fail(Code::conflict, "vault.draft.stale", "", "another change to this subject came first; try again", 0);
}

bool meets(const Expect& expect, const std::optional<RecordHeader>& present) {
  switch (expect.kind) {
    case Expect::Kind::anything:
      return true;
    case Expect::Kind::absent:
      return !present;
    case Expect::Kind::version:
      return present && present->version == expect.version;
  }
  return false;
}

Result<void> check_rows(std::span<const EncodedRow> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto fine = check_row_key(rows[i].key);
    if (fine) fine = check_encoded(rows[i].record);
    if (fine) continue;
    fine.error().where = "row " + std::to_string(i);
    return fine;
  }
  return {};
}

/// Every key above all that were there, and above the one before: then none can be known.
bool ascend_from(ByteView running_max, std::span<const EncodedRow> rows) {
  for (const EncodedRow& row : rows) {
    if (!key_less(running_max, row.key)) return false;
    running_max = row.key;
  }
  return true;
}

}  // namespace

tl::unexpected<Error> wrong_version() {
  return fail(Code::conflict, "vault.record.version", "",
              "the record is not at the version that was expected; read it and decide again");
}

std::size_t Draft::size_bytes() const {
  std::size_t out = 0;
  for (const storage::Item& item : change_.puts) out += item.key.size() + item.value.size();
  return out;
}

Result<Draft> Vault::begin(Subject subject) const {
  HF_TRY(const storage::Version version, impl_->store.version(Shelf::records, subject.locker()));
  Draft draft(std::move(subject));
  draft.change_.shelf = Shelf::records;
  draft.change_.locker = draft.subject_.locker();
  draft.change_.expected = version;
  return draft;
}

void Vault::Impl::put(Draft& draft, Bytes item_key, Bytes value) {
  for (storage::Item& item : draft.change_.puts) {
    if (item.key == item_key) {
      item.value = std::move(value);
      return;
    }
  }
  draft.change_.puts.push_back({std::move(item_key), std::move(value)});
}

Result<PutOutcome> Vault::put(Draft& draft, const Retention& retention, const Record& record, Expect expect) const {
  Bytes plaintext;
  HF_CHECK(encode_record(record, plaintext));
  return put_encoded(draft, retention, plaintext, expect);
}

Result<PutOutcome> Vault::put_encoded(Draft& draft, const Retention& retention, ByteView plaintext,
                                      Expect expect) const {
  HF_CHECK(check_encoded(plaintext));
  const Subject& subject = draft.subject();
  const Bytes item_key = record_item(retention.collection);
  HF_TRY(const auto stored, impl_->load(draft, item_key));
  std::optional<RecordHeader> present;
  Bytes before;
  if (stored) {
    HF_TRY(const RecordHeader header, read_record_header(subject.locker(), item_key, *stored));
    HF_TRY(before, impl_->open_record(subject, item_key, *stored));
    // What is past its keep is not there any more for whoever reads, though no sweep has removed it.
    if (header.deposited > impl_->expired_until(retention.keep)) present = header;
  }
  if (!meets(expect, present)) return wrong_version();

  const bool same = present && before == plaintext;
  PutOutcome outcome{same      ? PutOutcome::Kind::unchanged
                     : present ? PutOutcome::Kind::replaced
                               : PutOutcome::Kind::created,
                     same ? present->version : draft.change_.expected + 1};
  const UnixMillis now = impl_->clock.now();
  if (same && now - present->deposited < renewed_after(retention.keep).count()) return outcome;
  Impl::put(draft, item_key,
            seal_record(subject.key_, subject.locker(), retention.collection, {outcome.version, now}, plaintext));
  return outcome;
}

Result<std::vector<AppendOutcome>> Vault::append(Draft& draft, const Retention& retention,
                                                 std::span<const Row> rows) const {
  std::vector<Bytes> records(rows.size());
  std::vector<EncodedRow> encoded(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (auto fine = encode_record(rows[i].record, records[i]); !fine) {
      fine.error().where = "row " + std::to_string(i);
      return tl::unexpected(std::move(fine).error());
    }
    encoded[i] = {rows[i].key, records[i]};
  }
  return append_encoded(draft, retention, encoded);
}

Result<std::vector<AppendOutcome>> Vault::append_encoded(Draft& draft, const Retention& retention,
                                                         std::span<const EncodedRow> rows) const {
  HF_CHECK(check_rows(rows));
  const CollectionId collection = retention.collection;
  const Subject& subject = draft.subject();
  const Bytes tail_key = chunk_item(collection, kTail);
  HF_TRY(const auto stored, impl_->load(draft, tail_key));
  Chunk tail;
  if (stored) {
    HF_TRY(tail, impl_->open_chunk(subject, tail_key, *stored));
  }
  std::vector<AppendOutcome> outcomes(rows.size(), AppendOutcome::appended);
  if (!ascend_from(tail.running_max(), rows)) HF_CHECK(impl_->find_known(draft, retention, rows, outcomes));

  // A clock that went back must not make rows look older than those before them: retention drops the oldest chunks.
  const UnixMillis now = std::max(impl_->clock.now(), tail.header().last);
  bool any = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (outcomes[i] != AppendOutcome::appended) continue;
    if (tail.full()) {
      if (tail.header().number + 1 == kTail) {
        return fail(Code::exhausted, "vault.rows.many", "", "this subject's collection takes no more records");
      }
      // Numbers are never reused, so there is none to replace.
      draft.change_.puts.push_back(
          {chunk_item(collection, tail.header().number), seal_chunk(subject.key_, subject.locker(), collection, tail)});
      tail = tail.successor();
    }
    tail.add(rows[i].key, now, rows[i].record);
    any = true;
  }
  if (any) Impl::put(draft, tail_key, seal_chunk(subject.key_, subject.locker(), collection, tail));
  return outcomes;
}

/// Marks the rows whose key is there already, in what is stored and within its keep or earlier among the rows.
Result<void> Vault::Impl::find_known(const Draft& draft, const Retention& retention, std::span<const EncodedRow> rows,
                                     std::vector<AppendOutcome>& outcomes) const {
  const UnixMillis expired = expired_until(retention.keep);
  std::unordered_multimap<ByteView, std::size_t> wanted;
  wanted.reserve(rows.size());
  ByteView low = rows.front().key, high = low;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    wanted.emplace(rows[i].key, i);
    if (key_less(rows[i].key, low)) low = rows[i].key;
    if (key_less(high, rows[i].key)) high = rows[i].key;
  }
  HF_CHECK(chunks(draft.subject(), &draft, retention.collection, [&](const Chunk& chunk) -> Result<bool> {
    if (chunk.header().last <= expired || !chunk.covers(low, high)) return true;
    RowReader row(chunk);
    while (row.next()) {
      if (row.deposited() <= expired) continue;
      const auto [begin, end] = wanted.equal_range(row.key());
      for (auto at = begin; at != end; ++at) {
        outcomes[at->second] = row.holds(rows[at->second].record) ? AppendOutcome::unchanged : AppendOutcome::exists;
      }
    }
    if (row.ok()) return true;
    return fail(Code::corrupt, "vault.chunk.malformed",
                place(draft.subject().locker(), chunks_prefix(retention.collection)),
                "stored rows do not have the form of rows; restore them from a backup");
  }));
  std::unordered_map<ByteView, std::size_t> first;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (outcomes[i] != AppendOutcome::appended) continue;
    const auto [earlier, fresh] = first.emplace(rows[i].key, i);
    if (fresh) continue;
    outcomes[i] = rows[i].record == rows[earlier->second].record ? AppendOutcome::unchanged : AppendOutcome::exists;
  }
  return {};
}

std::vector<Result<void>> Vault::commit(std::vector<Draft> drafts) {
  std::vector<Result<void>> out(drafts.size());
  std::vector<storage::LockerChange> changes;
  std::vector<std::size_t> of;  // of each change, its draft
  changes.reserve(drafts.size());
  of.reserve(drafts.size());
  const Gate::Pass pass(impl_->gate);
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (drafts[i].empty()) continue;
    const Subject& subject = drafts[i].subject();
    if (impl_->is_erasing(subject.locker())) {
      out[i] = still_erasing();
      continue;
    }
    if (!impl_->still_stands(subject)) {
      out[i] = stale();
      continue;
    }
    changes.push_back(std::move(drafts[i].change_));
    of.push_back(i);
  }
  if (changes.empty()) return out;
  auto applied = impl_->store.apply(changes);
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (applied[i]) continue;
    if (applied[i].error().code == Code::conflict) {
      out[of[i]] = stale();
    } else {
      out[of[i]] = tl::unexpected(std::move(applied[i]).error());
    }
  }
  return out;
}

Result<void> Vault::commit(Draft draft) {
  std::vector<Draft> one;
  one.push_back(std::move(draft));
  return std::move(commit(std::move(one)).front());
}

}  // namespace holdfast::vault
