#include "storage/memory.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "storage/rules.h"

namespace holdfast::storage {

namespace {

struct MemoryLocker {
  LockerState state;
  std::map<Bytes, Bytes, std::less<>> items;
};

struct Batch {
  std::uint32_t count = 0;
  Bytes packed;
};

struct MemoryJournal {
  std::uint64_t end = 0;
  std::map<std::uint64_t, Batch> batches;
};

struct Content {
  std::map<LockerId, MemoryLocker> shelves[2];
  std::map<std::string, Bytes, std::less<>> blobs;
  std::map<std::string, MemoryJournal, std::less<>> journals;
  std::map<std::string, LeaseState, std::less<>> leases;
};

}  // namespace

/// What lies on the medium: the content, and, after an unacknowledged write, what a crash would leave of it.
struct MemoryState {
  mutable std::shared_mutex mutex;
  Content now;
  std::unique_ptr<Content> durable;  ///< nothing: all of `now` is
};

MemoryFaults::MemoryFaults() : state_(std::make_unique<MemoryState>()) {}
MemoryFaults::~MemoryFaults() = default;

void MemoryFaults::fail_write(std::uint64_t nth, Mode mode, std::uint64_t count) {
  mode_ = mode;
  fail_last_ = writes_ + nth + count - 1;
  fail_first_ = writes_ + nth;
}

void MemoryFaults::crash() {
  const std::unique_lock lock(state_->mutex);
  if (state_->durable) state_->now = std::move(*state_->durable);
  state_->durable.reset();
}

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(MemoryFaults* faults)
      : own_(faults ? nullptr : std::make_unique<MemoryFaults>()),
        faults_(faults ? *faults : *own_),
        state_(*faults_.state_) {}

  Result<std::optional<Bytes>> get(Shelf shelf, const LockerId& id, ByteView key) const override {
    const std::shared_lock lock(state_.mutex);
    const MemoryLocker* locker = find(shelf, id);
    if (!locker) return std::optional<Bytes>();
    const auto item = locker->items.find(key);
    return item == locker->items.end() ? std::optional<Bytes>() : std::optional<Bytes>(item->second);
  }

  Result<Version> version(Shelf shelf, const LockerId& id) const override {
    const std::shared_lock lock(state_.mutex);
    const MemoryLocker* locker = find(shelf, id);
    return locker ? locker->state.version() : Version{0};
  }

  std::vector<Result<Version>> apply(std::span<const LockerChange> changes) override {
    std::vector<Result<Version>> results(changes.size(), Version{0});
    const auto written = write([&](Content& content) -> Result<void> {
      for (std::size_t i = 0; i < changes.size(); ++i) results[i] = apply_one(content, changes[i]);
      return {};
    });
    if (!written) {
      for (auto& result : results) result = tl::unexpected<Error>(written.error());
    }
    return results;
  }

  Result<void> scan(Shelf shelf, const LockerId& id, ByteView prefix, ByteView from,
                    const std::function<bool(ByteView, ByteView)>& visit) const override {
    std::vector<Item> found;  // visited without the lock, so that `visit` may call the store
    {
      const std::shared_lock lock(state_.mutex);
      if (const MemoryLocker* locker = find(shelf, id)) {
        auto item = locker->items.lower_bound(std::max(prefix, from));
        for (; item != locker->items.end() && ByteView(item->first).starts_with(prefix); ++item) {
          found.push_back({item->first, item->second});
        }
      }
    }
    for (const Item& item : found) {
      if (!visit(item.key, item.value)) break;
    }
    return {};
  }

  Result<void> remove(Shelf shelf, const LockerId& id) override { return shred(shelf, {&id, 1}); }

  Result<void> shred(Shelf shelf, std::span<const LockerId> ids) override {
    return write([&](Content& content) -> Result<void> {
      auto& lockers = content.shelves[static_cast<int>(shelf)];
      for (const LockerId& id : ids) {
        const auto locker = lockers.find(id);
        if (locker == lockers.end()) continue;
        locker->second.items.clear();
        locker->second.state = after_removal(locker->second.state);
      }
      return {};
    });
  }

  Result<std::vector<LockerId>> list(Shelf shelf, std::optional<LockerId> after, std::size_t count) const override {
    const std::shared_lock lock(state_.mutex);
    const auto& lockers = state_.now.shelves[static_cast<int>(shelf)];
    std::vector<LockerId> ids;
    for (auto it = after ? lockers.upper_bound(*after) : lockers.begin(); it != lockers.end(); ++it) {
      if (ids.size() == count) break;
      if (it->second.state.exists) ids.push_back(it->first);
    }
    return ids;
  }

  Result<void> put_blobs(std::span<const Blob> blobs) override {
    for (const Blob& blob : blobs) HF_CHECK(check_bounds(blob));
    return write([&](Content& content) -> Result<void> {
      for (std::size_t i = 0; i < blobs.size(); ++i) {
        const auto there = content.blobs.find(blobs[i].name);
        if (there != content.blobs.end() && there->second != blobs[i].bytes) return blob_conflict(blobs[i].name);
        for (std::size_t k = 0; k < i; ++k) {
          if (blobs[k].name == blobs[i].name && blobs[k].bytes != blobs[i].bytes) return blob_conflict(blobs[i].name);
        }
      }
      for (const Blob& blob : blobs) content.blobs.insert_or_assign(blob.name, blob.bytes);
      return {};
    });
  }

  Result<std::optional<Bytes>> get_blob(std::string_view name) const override {
    HF_CHECK(check_name(name));
    const std::shared_lock lock(state_.mutex);
    const auto blob = state_.now.blobs.find(name);
    return blob == state_.now.blobs.end() ? std::optional<Bytes>() : std::optional<Bytes>(blob->second);
  }

  Result<std::vector<std::string>> list_blobs(std::string_view prefix, std::string_view after,
                                              std::size_t count) const override {
    const std::shared_lock lock(state_.mutex);
    std::vector<std::string> names;
    const auto& blobs = state_.now.blobs;
    for (auto it = after < prefix ? blobs.lower_bound(prefix) : blobs.upper_bound(after); it != blobs.end(); ++it) {
      if (names.size() == count || !it->first.starts_with(prefix)) break;
      names.push_back(it->first);
    }
    return names;
  }

  Result<void> delete_blobs(std::span<const std::string> names) override {
    for (const std::string& name : names) HF_CHECK(check_name(name));
    return write([&](Content& content) -> Result<void> {
      for (const std::string& name : names) content.blobs.erase(name);
      return {};
    });
  }

  Result<void> append(std::string_view journal, std::uint64_t position, std::uint32_t count, ByteView packed,
                      std::uint64_t lease) override {
    HF_CHECK(check_batch(journal, position, count, packed));
    return write([&](Content& content) -> Result<void> {
      const auto holder = content.leases.find(journal);
      HF_CHECK(check_lease(holder == content.leases.end() ? LeaseState{} : holder->second, journal, lease));
      MemoryJournal& into = content.journals[std::string(journal)];
      if (into.end != position) return journal_conflict(journal, position, into.end);
      into.batches[position] = Batch{count, Bytes(packed)};
      into.end = position + count;
      return {};
    });
  }

  Result<void> read(std::string_view journal, std::uint64_t from,
                    const std::function<bool(std::uint64_t, std::uint32_t, ByteView)>& visit) const override {
    HF_CHECK(check_name(journal));
    std::vector<std::pair<std::uint64_t, Batch>> found;
    {
      const std::shared_lock lock(state_.mutex);
      const auto it = state_.now.journals.find(journal);
      if (it == state_.now.journals.end()) return {};
      for (const auto& [position, batch] : it->second.batches) {
        if (position + batch.count > from) found.emplace_back(position, batch);
      }
    }
    for (const auto& [position, batch] : found) {
      if (!visit(position, batch.count, batch.packed)) break;
    }
    return {};
  }

  Result<std::uint64_t> end(std::string_view journal) const override {
    HF_CHECK(check_name(journal));
    const std::shared_lock lock(state_.mutex);
    const auto it = state_.now.journals.find(journal);
    return it == state_.now.journals.end() ? 0 : it->second.end;
  }

  Result<void> trim(std::string_view journal, std::uint64_t position) override {
    HF_CHECK(check_name(journal));
    return write([&](Content& content) -> Result<void> {
      const auto it = content.journals.find(journal);
      if (it == content.journals.end()) return {};
      std::erase_if(it->second.batches,
                    [&](const auto& batch) { return batch.first + batch.second.count <= position; });
      return {};
    });
  }

  Result<std::uint64_t> acquire(std::string_view name, std::string_view owner, std::chrono::milliseconds ttl) override {
    HF_CHECK(check_name(name));
    std::uint64_t token = 0;
    HF_CHECK(write([&](Content& content) -> Result<void> {
      LeaseState& state = content.leases[std::string(name)];
      HF_TRY(state, after_acquire(state, name, owner, ttl, now()));
      token = state.token;
      return {};
    }));
    return token;
  }

  Result<void> renew(std::string_view name, std::uint64_t token, std::chrono::milliseconds ttl) override {
    return change_lease(name, token, [&](LeaseState& state) { state.expires = now() + ttl.count(); });
  }

  Result<void> release(std::string_view name, std::uint64_t token) override {
    return change_lease(name, token, [](LeaseState& state) { state.owner.clear(); });
  }

  Result<void> prepare_backup(const std::string& directory, const std::string& keys_directory) override {
    return backup(directory, keys_directory);
  }
  Result<void> backup(const std::string&, const std::string&) override {
    return fail(Code::unsupported, "storage.backup.unsupported", "memory", "the in-memory engine has no backup");
  }

  Result<void> health() const override {
    if (!failed_) return {};
    return fail(Code::unavailable, "storage.failed", "memory", "the last write failed; restart the server");
  }

  std::vector<std::pair<std::string, std::uint64_t>> statistics() const override {
    const std::shared_lock lock(state_.mutex);
    return {{"record_lockers", state_.now.shelves[0].size()},
            {"key_lockers", state_.now.shelves[1].size()},
            {"blobs", state_.now.blobs.size()},
            {"syncs", faults_.syncs()}};
  }

 private:
  const MemoryLocker* find(Shelf shelf, const LockerId& id) const {
    const auto& lockers = state_.now.shelves[static_cast<int>(shelf)];
    const auto locker = lockers.find(id);
    return locker == lockers.end() ? nullptr : &locker->second;
  }

  UnixMillis now() const { return faults_.clock_ ? faults_.clock_->now() : SystemClock().now(); }

  /// Runs one change of the content, with the fault that is due. `change` either does all or fails and does nothing.
  template <class Change>
  Result<void> write(Change change) {
    const std::unique_lock lock(state_.mutex);
    const std::uint64_t number = ++faults_.writes_;
    const bool fails = failed_ = number >= faults_.fail_first_ && number <= faults_.fail_last_;
    if (fails) {
      if (faults_.mode_ == MemoryFaults::Mode::after) {
        if (!state_.durable) state_.durable = std::make_unique<Content>(state_.now);
        HF_CHECK(change(state_.now));
      }
      return fail(Code::unavailable, "storage.fault.injected", "memory", "the test asked for this write to fail");
    }
    HF_CHECK(change(state_.now));
    state_.durable.reset();
    ++faults_.syncs_;
    return {};
  }

  static Result<Version> apply_one(Content& content, const LockerChange& change) {
    HF_CHECK(check_bounds(change));
    auto& lockers = content.shelves[static_cast<int>(change.shelf)];
    const auto there = lockers.find(change.locker);
    HF_TRY(const LockerState next, after_change(there == lockers.end() ? LockerState{} : there->second.state, change));
    if (!next.exists) return Version{0};
    MemoryLocker& locker = lockers[change.locker];
    locker.state = next;
    for (const Bytes& key : change.deletes) locker.items.erase(key);
    for (const Item& item : change.puts) locker.items.insert_or_assign(item.key, item.value);
    return next.version();
  }

  template <class Change>
  Result<void> change_lease(std::string_view name, std::uint64_t token, Change change) {
    HF_CHECK(check_name(name));
    return write([&](Content& content) -> Result<void> {
      const auto lease = content.leases.find(name);
      HF_CHECK(check_lease(lease == content.leases.end() ? LeaseState{} : lease->second, name, token));
      change(lease->second);
      return {};
    });
  }

  std::unique_ptr<MemoryFaults> own_;
  std::atomic<bool> failed_ = false;  ///< the last write
  MemoryFaults& faults_;
  MemoryState& state_;
};

std::unique_ptr<Store> open_memory(MemoryFaults* faults) { return std::make_unique<MemoryStore>(faults); }

}  // namespace holdfast::storage
