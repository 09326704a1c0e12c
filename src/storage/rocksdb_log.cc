#include "storage/rocksdb_log.h"

#include <algorithm>
#include <map>

namespace holdfast::storage {
namespace {

constexpr std::size_t kBlobs = 0;
constexpr std::size_t kBatches = 1;
constexpr std::size_t kHeads = 2;

/// Names have no zero byte, so no journal's keys mix with another's.
Bytes batch_key(std::string_view journal, std::uint64_t position) {
  Bytes key(journal);
  key.push_back('\0');
  put_u64(key, position);
  return key;
}

struct BatchView {
  std::uint64_t position = 0;
  std::uint32_t count = 0;
  ByteView packed;
};

Result<BatchView> decode_batch(ByteView key, ByteView value, const std::string& path) {
  ByteReader position(key.substr(key.size() < 8 ? 0 : key.size() - 8)), in(value);
  BatchView batch{position.u64(), in.u32(), {}};
  batch.packed = in.take(in.left());
  if (!position.done() || !in.done() || batch.count == 0) {
    return fail(Code::corrupt, "storage.corrupt", path, "a journal's batch is malformed; restore a backup");
  }
  return batch;
}

}  // namespace

const std::vector<FamilySpec>& log_families() {
  static const std::vector<FamilySpec> families{{"blobs", FamilyKind::plain},
                                                {"batches", FamilyKind::queue},
                                                {"heads", FamilyKind::plain},
                                                {"leases", FamilyKind::plain}};
  return families;
}

Result<void> RocksLog::put_blobs(std::span<const Blob> blobs) {
  for (const Blob& blob : blobs) HF_CHECK(check_bounds(blob));
  const std::lock_guard lock(blobs_);
  rocksdb::WriteBatch batch;
  std::map<std::string_view, ByteView> added;
  for (const Blob& blob : blobs) {
    const auto [earlier, is_new] = added.emplace(blob.name, blob.bytes);
    if (!is_new && earlier->second != blob.bytes) return blob_conflict(blob.name);
    HF_TRY(const std::optional<Bytes> there, instance_.get(kBlobs, blob.name));
    if (there && *there != blob.bytes) return blob_conflict(blob.name);
    if (!there && is_new) batch.Put(instance_.family(kBlobs), blob.name, slice(blob.bytes));
  }
  return batch.Count() == 0 ? Result<void>() : instance_.write(batch);
}

Result<std::optional<Bytes>> RocksLog::get_blob(std::string_view name) const {
  HF_CHECK(check_name(name));
  return instance_.get(kBlobs, name);
}

Result<std::vector<std::string>> RocksLog::list_blobs(std::string_view prefix, std::string_view after,
                                                      std::size_t count) const {
  std::vector<std::string> names;
  const std::unique_ptr<rocksdb::Iterator> it(
      instance_.db().NewIterator(rocksdb::ReadOptions(), instance_.family(kBlobs)));
  it->Seek(slice(std::max(prefix, after)));
  if (after >= prefix && !after.empty() && it->Valid() && view(it->key()) == after) it->Next();
  for (; it->Valid() && names.size() < count && view(it->key()).starts_with(prefix); it->Next()) {
    names.emplace_back(view(it->key()));
  }
  if (!it->status().ok()) return tl::unexpected<Error>(instance_.error(it->status()));
  return names;
}

Result<void> RocksLog::delete_blobs(std::span<const std::string> names) {
  rocksdb::WriteBatch batch;
  for (const std::string& name : names) {
    HF_CHECK(check_name(name));
    batch.Delete(instance_.family(kBlobs), name);
  }
  const std::lock_guard lock(blobs_);
  return batch.Count() == 0 ? Result<void>() : instance_.write(batch);
}

Result<RocksLog::Head> RocksLog::head(std::string_view journal) const {
  HF_CHECK(check_name(journal));
  HF_TRY(const std::optional<Bytes> stored, instance_.get(kHeads, journal));
  if (!stored) return Head{};
  ByteReader in(*stored);
  const Head head{in.u64(), in.u64()};
  if (!in.done() || head.begin > head.end) {
    return fail(Code::corrupt, "storage.corrupt", instance_.path(), "a journal's head is malformed; restore a backup");
  }
  return head;
}

namespace {

Bytes encode_head(std::uint64_t begin, std::uint64_t end) {
  Bytes out;
  put_u64(out, begin);
  put_u64(out, end);
  return out;
}

}  // namespace

Result<void> RocksLog::append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                              std::uint64_t token) {
  HF_CHECK(check_batch(journal, position, count, packed));
  const std::lock_guard lock(mutex(journal));
  HF_TRY(Journal* const present, this->journal(journal));
  HF_CHECK(check_lease(present->lease, journal, token));
  if (present->head.end != position) return journal_conflict(journal, position, present->head.end);
  const std::vector<std::uint64_t> trimmed = apply_trim(journal, *present);
  Bytes count_bytes;
  put_u32(count_bytes, count);
  const Bytes key = batch_key(journal, position);
  const std::array<rocksdb::Slice, 1> key_parts{slice(key)};
  const std::array<rocksdb::Slice, 2> value_parts{slice(count_bytes), slice(packed)};
  rocksdb::WriteBatch batch;
  for (const std::uint64_t start : trimmed) {
    batch.Delete(instance_.family(kBatches), batch_key(journal, start));
  }
  batch.Put(instance_.family(kBatches), rocksdb::SliceParts(key_parts.data(), 1),
            rocksdb::SliceParts(value_parts.data(), 2));
  batch.Put(instance_.family(kHeads), slice(journal), encode_head(present->head.begin, position + count));
  HF_CHECK(known_after(instance_.write(batch), journal));
  present->head.end = position + count;
  present->starts.push_back(position);
  return {};
}

Result<RocksLog::Journal*> RocksLog::journal(std::string_view name) {
  auto& known = named(name).journals;
  if (const auto there = known.find(name); there != known.end()) return &there->second;
  Journal read_now;
  HF_TRY(read_now.head, head(name));
  HF_TRY(read_now.lease, lease(name));
  HF_CHECK(read(name, read_now.head.begin, [&](std::uint64_t position, std::uint32_t, ByteView) {
    read_now.starts.push_back(position);
    return true;
  }));
  return &known.emplace(name, std::move(read_now)).first->second;
}

Result<void> RocksLog::known_after(Result<void> written, std::string_view journal) {
  if (!written) named(journal).journals.erase(std::string(journal));
  return written;
}

Result<void> RocksLog::read(std::string_view journal, std::uint64_t from,
                            const std::function<bool(std::uint64_t, std::uint32_t, ByteView)>& visit) const {
  HF_TRY(const Head present, head(journal));
  if (from >= present.end) return {};
  const Bytes first = batch_key(journal, present.begin), last = batch_key(journal, present.end);
  const rocksdb::Slice lower(first), upper(last);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(instance_.db().NewIterator(options, instance_.family(kBatches)));
  it->SeekForPrev(batch_key(journal, from));  // the batch that holds `from` may begin before it
  if (!it->Valid() && it->status().ok()) it->SeekToFirst();
  for (; it->Valid(); it->Next()) {
    HF_TRY(const BatchView batch, decode_batch(view(it->key()), view(it->value()), instance_.path()));
    if (batch.position + batch.count <= from) continue;
    if (!visit(batch.position, batch.count, batch.packed)) break;
  }
  if (!it->status().ok()) return tl::unexpected<Error>(instance_.error(it->status()));
  return {};
}

Result<std::uint64_t> RocksLog::end(std::string_view journal) const {
  HF_TRY(const Head present, head(journal));
  return present.end;
}

Result<void> RocksLog::trim(std::string_view journal, std::uint64_t position) {
  HF_CHECK(check_name(journal));
  // Not under the journal's mutex: an append holds it as long as its sync takes.
  const std::lock_guard lock(trims_mutex_);
  std::uint64_t& wanted = trims_.try_emplace(std::string(journal), 0).first->second;
  wanted = std::max(wanted, position);
  return {};
}

std::vector<std::uint64_t> RocksLog::apply_trim(std::string_view name, Journal& journal) {
  std::uint64_t wanted = 0;
  {
    const std::lock_guard lock(trims_mutex_);
    if (const auto there = trims_.find(name); there != trims_.end()) wanted = there->second;
  }
  std::vector<std::uint64_t> trimmed;
  std::deque<std::uint64_t>& starts = journal.starts;
  const auto next = [&] { return starts.size() > 1 ? starts[1] : journal.head.end; };
  for (; !starts.empty() && next() <= wanted; starts.pop_front()) {
    journal.head.begin = next();
    trimmed.push_back(starts.front());
  }
  return trimmed;
}

}  // namespace holdfast::storage
