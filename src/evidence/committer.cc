#include "evidence/committer.h"

#include <algorithm>

#include "evidence/formats/tree.h"
#include "evidence/names.h"

namespace holdfast::evidence {
namespace {

/// One sync takes no more than this, so that those behind are not kept waiting.
constexpr std::size_t kBatchEntries = 4096;
/// A batch of unusually large entries is written in pieces of this.
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
      renew_at_(std::chrono::steady_clock::now() + options.lease_ttl / 3),
      thread_([this] { run(); }) {}

Committer::~Committer() { finish(); }

bool Committer::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
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

void Committer::run() {
  for (;;) {
    Queue taken;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, renew_at_, [this] { return stopping_ || queue_.first; });
      if (!queue_.first && stopping_) return;
      std::swap(taken, queue_);
    }
    renew_when_due();
    while (taken.first) {
      taken.first = commit(taken.first);
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

/// Commits the first batch of the chain, and answers the rest.
Append* Committer::commit(Append* first) {
  const auto room = sealer_.wait_for_room();
  const UnixMillis now = clock_.now();
  std::size_t count = 0;
  Append* last = nullptr;
  for (Append* append = first; append && count < kBatchEntries; append = append->next, ++count) {
    if (room && !failed_) {
      append->result = stage(append->entry, now);
    } else {
      append->result = tl::unexpected<Error>(failed_ ? *failed_ : room.error());
    }
    last = append;
  }
  flush();
  {
    const std::lock_guard lock(mutex_);
    waiting_entries_ -= count;
  }
  Append* const rest = std::exchange(last->next, nullptr);
  give_back(first);
  sealer_.notify();
  snapshot_when_due();
  return rest;
}

Result<Appended> Committer::stage(Entry& entry, UnixMillis now) {
  if (packed_.size() >= kBatchBytes) flush();
  if (failed_) return tl::unexpected<Error>(*failed_);
  entry.at = std::max(now, last_at_);
  HF_CHECK(follower_.admit(entry));
  const std::size_t start = packed_.size();
  put_u16(packed_, 0);
  if (auto encoded = entry.encode_to(packed_); !encoded) {
    packed_.resize(start);
    return tl::unexpected<Error>(std::move(encoded).error());
  }
  const ByteView json = ByteView(packed_).substr(start + 2);
  packed_[start] = static_cast<char>(json.size() >> 8);
  packed_[start + 1] = static_cast<char>(json.size() & 0xff);
  leaves_.push_back(leaf_hash(json));
  last_at_ = entry.at;
  follower_.follow(next_, entry);
  return Appended{next_++, entry.at};
}

void Committer::flush() {
  if (leaves_.empty()) return;
  const auto count = static_cast<std::uint32_t>(leaves_.size());
  const auto written = failed_ ? Result<void>() : store_.append(kJournal, tail_.size(), count, packed_, lease_);
  if (!written) fail_for_good(written.error());
  if (!failed_) tail_.add(packed_, leaves_);
  packed_.clear();
  leaves_.clear();
}

void Committer::fail_for_good(const Error& cause) {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  failed_ =
      closed("evidence.log.failed",
             "The evidence log could not be written and is closed; restart the server. The cause: " + cause.text());
}

void Committer::give_back(Append* first) {
  while (first) {
    Append* const append = first;
    first = std::exchange(append->next, nullptr);
    // Staged is not durable: after a failure, nobody is told that all went well, whatever came before it.
    if (failed_ && append->result && append->result->index >= tail_.size()) {
      append->result = tl::unexpected<Error>(*failed_);
    }
    auto place = std::ranges::find(going_back_, append->back, [](const auto& pair) { return pair.first; });
    if (place == going_back_.end()) place = going_back_.insert(place, {append->back, Queue{}});
    place->second.push(append, append);
  }
  for (const auto& [back, chain] : going_back_) back->take_back(chain.first);
  going_back_.clear();
}

void Committer::snapshot_when_due() {
  // The state ahead of a failed sync must never be stored.
  if (failed_ || tail_.size() - snapshot_size_ < options_.snapshot_every_entries || !sealer_.idle()) return;
  snapshot_size_ = tail_.size();
  sealer_.write_snapshot(snapshot_size_, follower_.snapshot());
}

}  // namespace holdfast::evidence
