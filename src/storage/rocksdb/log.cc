#include "storage/rocksdb/log.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "storage/disk.h"
#include "storage/file_list.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kBlobs = 0;

}  // namespace

const std::vector<FamilySpec>& log_families() {
  static const std::vector<FamilySpec> families{{"blobs", FamilyKind::blobs}, {"leases", FamilyKind::plain}};
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

// ---- Journals

std::string journals_of(const std::string& path) { return path + "/" + kJournalsFolder; }

RocksLog::RocksLog(RocksInstance& instance, const Clock& clock, Journal::ByName journals, Journal::Options options,
                   std::function<Marks()> marks)
    : instance_(instance), clock_(clock), options_(options), marks_(std::move(marks)) {
  for (auto& [name, journal] : journals) names_[name].journal = std::move(journal);
}

RocksLog::Named& RocksLog::named(std::string_view name) const {
  const std::lock_guard lock(names_mutex_);
  auto there = names_.find(name);
  if (there == names_.end()) {
    there = names_.try_emplace(std::string(name)).first;
    there->second.journal = std::make_unique<Journal>(journals_of(instance_.path()), std::string(name), options_);
  }
  return there->second;
}

std::vector<std::pair<std::string_view, RocksLog::Named*>> RocksLog::all() const {
  const std::lock_guard lock(names_mutex_);
  std::vector<std::pair<std::string_view, Named*>> out;
  for (auto& [name, named] : names_) out.emplace_back(name, &named);
  return out;
}

Result<void> RocksLog::append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                              std::uint64_t token) {
  HF_CHECK(check_batch(journal, position, count, packed));
  Named& into = named(journal);
  const std::lock_guard lock(into.mutex);
  HF_TRY(const LeaseState present, lease(journal, into));
  HF_CHECK(check_lease(present, journal, token));
  if (into.journal->end() != position) return journal_conflict(journal, position, into.journal->end());
  ++appends_;
  return into.journal->append(position, count, packed, marks_());
}

Result<void> RocksLog::read(std::string_view journal, std::uint64_t from,
                            const std::function<bool(std::uint64_t, std::uint32_t, ByteView)>& visit) const {
  HF_CHECK(check_name(journal));
  Named& out = named(journal);
  std::unique_lock lock(out.mutex);
  const Journal::Held held = out.journal->hold();
  lock.unlock();
  return held.read(from, visit);
}

Result<std::uint64_t> RocksLog::end(std::string_view journal) const {
  HF_CHECK(check_name(journal));
  Named& out = named(journal);
  const std::lock_guard lock(out.mutex);
  return out.journal->end();
}

Result<void> RocksLog::trim(std::string_view journal, std::uint64_t position) {
  HF_CHECK(check_name(journal));
  named(journal).journal->trim(position);  // not under its mutex, which an append holds as long as its sync takes
  return {};
}

// ---- The whole

Result<void> RocksLog::health() const {
  HF_CHECK(instance_.health());
  for (const auto& [name, named] : all()) HF_CHECK(named->journal->health());
  return {};
}

Result<FileList> RocksLog::checkpoint(const std::string& path) {
  const auto hold = [this] {
    std::vector<std::pair<std::string_view, Journal::Held>> out;
    for (const auto& [name, named] : all()) {
      const std::lock_guard lock(named->mutex);
      out.emplace_back(name, named->journal->hold());
    }
    return out;
  };
  // What is sealed into blobs from here on stays in the journals too, so that the copies join.
  const auto untrimmed = hold();
  HF_CHECK(instance_.checkpoint(path));
  const std::string folder = journals_of(path);
  std::error_code failed;
  if (!std::filesystem::create_directory(folder, failed)) {
    return tl::unexpected<Error>(disk_error(failed.value(), folder));
  }
  const auto held = hold();
  FileList reach;
  for (const auto& [name, journal] : held) {
    HF_CHECK(journal.copy_to(folder));
    reach.emplace(Journal::all_files(name), journal.end());
  }
  HF_CHECK(sync(folder));
  return reach;
}

Result<void> check_reach(const std::string& path) {
  const std::string folder = journals_of(path);
  HF_TRY(const FileList list, read_list(path + "/" + kListFile));
  HF_CHECK(Journal::require_begun(folder, list));
  HF_TRY(const Journal::ByName journals, Journal::open_all(folder, {.read_only = true}));
  for (const auto& [name, journal] : journals) {
    const auto reach = list.find(Journal::all_files(name));
    const std::uint64_t end = reach == list.end() ? 0 : reach->second;
    if (journal->end() == end) continue;
    return fail(Code::corrupt, "storage.corrupt", path + "/" + Journal::all_files(name),
                "the journal reached to entry " + std::to_string(end) + " in this backup, and reaches to " +
                    std::to_string(journal->end()) + " here");
  }
  return {};
}

}  // namespace holdfast::storage
