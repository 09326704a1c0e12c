#include "evidence/committer.h"

#include <algorithm>

#include "evidence/formats/tree.h"
#include "evidence/names.h"

namespace holdfast::evidence {
namespace {

/// One sync takes no more than this, so that those behind are not kept waiting.
constexpr std::size_t kBatchEntries = 8192;
/// A batch of unusually large entries ends with the one that reaches this.
constexpr std::size_t kBatchBytes = 8u << 20;

Error closed(std::string_view slug, std::string what) { return {Code::unavailable, slug, "", std::move(what), 1}; }

}  // namespace

Committer::Committer(storage::Store& store, const Clock& clock, Follower& follower, Tail& tail, Sealer& sealer,
                     const LogOptions& options, Start start)
    : store_(store),
      clock_(clock),
      follower_(follower),
      tail_(tail),
      sealer_(sealer),
      options_(options),
      lease_(start.lease),
      last_at_(start.last_at),
      snapshot_size_(start.snapshot_size),
      next_(tail.size()),
      unfinished_(tail.unfinished()),
      renew_at_(std::chrono::steady_clock::now() + options.lease_ttl / 3),
      thread_([this] { run(); }),
      behind_thread_([this] { run_behind(); }) {}

Committer::~Committer() { finish(); }

bool Committer::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(mutex_);
    stopping_behind_ = true;
  }
  wake_behind_.notify_all();
  if (behind_thread_.joinable()) behind_thread_.join();
  return !failed_;
}

std::optional<Error> Committer::enqueue(Append* chain, Append* last, std::size_t count) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return failed_;
    if (stopping_) return closed("evidence.log.closed", "The log takes no more entries: the server is stopping.");
    if (waiting_entries_ + count > options_.queue_entries_max) {
      return closed("evidence.log.busy", "Too many entries wait for the disk: try again in a moment.");
    }
    waiting_entries_ += count;
    queued_entries_ += count;
    first = !queue_.first;
    queue_.push(chain, last);
  }
  if (first) wake_.notify_one();
  return std::nullopt;
}

void Committer::append(Append* chain, Returns& back) {
  std::size_t count = 0;
  Append* last = nullptr;
  for (Append* append = chain; append; append = append->next) append->back = &back, last = append, ++count;
  const auto error = enqueue(chain, last, count);
  if (!error) return;
  for (Append* append = chain; append; append = append->next) append->result = tl::unexpected<Error>(*error);
  back.take_back(chain);
}

// ---- The first thread: admits, numbers, and syncs as long as nothing else is to be staged meanwhile.

void Committer::run() {
  for (std::size_t turn = 0;;) {
    Queue taken;
    std::size_t left = 0;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, renew_at_, [this] { return stopping_ || queue_.first; });
      if (!queue_.first && stopping_) return;
      std::swap(taken, queue_);
      left = std::exchange(queued_entries_, 0);
    }
    renew_when_due();
    while (taken.first) {
      Batch& batch = batches_[turn++ % batches_.size()];
      stage(taken, batch);
      left -= batch.count;
      bool behind = false;
      {
        std::unique_lock lock(mutex_);
        // The follower must not be ahead of the disk when its state is stored.
        const auto more_waits = [&] {
          return left + queued_entries_ >= options_.second_thread_from && !snapshot_due();
        };
        caught_up_.wait(lock, [&] { return behind_.empty() || (behind_.size() < kBehindMax && more_waits()); });
        behind = more_waits();
        if (behind) behind_.push_back(&batch);
      }
      if (behind) {
        wake_behind_.notify_one();
      } else {
        write(batch);
        snapshot_when_due();
      }
      renew_when_due();
    }
  }
}

void Committer::renew_when_due() {
  const auto now = std::chrono::steady_clock::now();
  if (now < renew_at_) return;
  renew_at_ = now + options_.lease_ttl / 3;
  const auto renewed = store_.renew(kJournal, lease_, options_.lease_ttl);
  // A store that cannot answer now is asked again; only a lease in other hands ends this writer.
  if (!renewed && renewed.error().code == Code::conflict) fail_for_good(renewed.error());
}

/// Takes a batch from the front of what waits.
void Committer::stage(Queue& taken, Batch& batch) {
  const auto room = sealer_.wait_for_room();
  const auto failed = failure();
  const UnixMillis now = clock_.now();
  batch.entries = {};
  batch.packed.clear();
  batch.leaves.clear();
  batch.roots.clear();
  batch.count = 0;
  while (taken.first && batch.count < kBatchEntries && batch.packed.size() < kBatchBytes) {
    Append* const append = taken.first;
    taken.first = std::exchange(append->next, nullptr);
    if (failed || !room) {
      append->result = tl::unexpected<Error>(failed ? *failed : room.error());
    } else {
      append->result = stage(append->entry, now, batch);
    }
    batch.entries.push(append, append);
    ++batch.count;
  }
}

Result<Appended> Committer::stage(Entry& entry, UnixMillis now, Batch& batch) {
  entry.at = std::max(now, last_at_);
  HF_CHECK(follower_.admit(entry));
  Bytes& packed = batch.packed;
  const std::size_t start = packed.size();
  put_u16(packed, 0);
  if (auto encoded = entry.encode_to(packed); !encoded) {
    packed.resize(start);
    return tl::unexpected<Error>(std::move(encoded).error());
  }
  const ByteView json = ByteView(packed).substr(start + 2);
  packed[start] = static_cast<char>(json.size() >> 8);
  packed[start + 1] = static_cast<char>(json.size() & 0xff);
  batch.leaves.push_back(leaf_hash(json));
  unfinished_.push_back(batch.leaves.back());
  if (unfinished_.size() == kTileWidth) {
    batch.roots.push_back(complete_root(unfinished_));
    unfinished_.clear();
  }
  last_at_ = entry.at;
  if (const auto followed = follower_.follow(next_, entry); !followed) fail_for_good(followed.error());
  return Appended{next_++, entry.at};
}

void Committer::snapshot_when_due() {
  if (!snapshot_due() || failure() || !sealer_.idle()) return;
  snapshot_size_ = tail_.size();
  sealer_.write_snapshot(snapshot_size_, follower_.snapshot());
}

// ---- Either thread, one at a time.

void Committer::write(const Batch& batch) {
  const auto failed = failure();
  if (!failed && !batch.leaves.empty()) {
    const auto count = static_cast<std::uint32_t>(batch.leaves.size());
    const auto written = store_.append(kJournal, tail_.size(), count, batch.packed, lease_);
    if (written) tail_.add(batch.packed, batch.leaves, batch.roots);
    if (!written) fail_for_good(written.error());
  }
  {
    const std::lock_guard lock(mutex_);
    waiting_entries_ -= batch.count;
  }
  give_back(batch.entries.first);
  sealer_.notify();
}

void Committer::give_back(Append* first) {
  const auto failed = failure();
  while (first) {
    Append* const append = first;
    first = std::exchange(append->next, nullptr);
    // Staged is not durable: after a failure, nobody is told that all went well, whatever came before it.
    if (failed && append->result && append->result->index >= tail_.size()) {
      append->result = tl::unexpected<Error>(*failed);
    }
    auto place = std::ranges::find(going_back_, append->back, [](const auto& pair) { return pair.first; });
    if (place == going_back_.end()) place = going_back_.insert(place, {append->back, Queue{}});
    place->second.push(append, append);
  }
  for (const auto& [back, chain] : going_back_) back->take_back(chain.first);
  going_back_.clear();
}

// ---- The second thread.

void Committer::run_behind() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_behind_.wait(lock, [this] { return stopping_behind_ || !behind_.empty(); });
    if (behind_.empty()) return;
    const Batch& batch = *behind_.front();
    lock.unlock();
    write(batch);
    lock.lock();
    behind_.pop_front();
    caught_up_.notify_one();
  }
}

void Committer::fail_for_good(const Error& cause) {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  failed_ =
      closed("evidence.log.failed",
             "The evidence log could not be written and is closed; restart the server. The cause: " + cause.text());
}

std::optional<Error> Committer::failure() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

}  // namespace holdfast::evidence
