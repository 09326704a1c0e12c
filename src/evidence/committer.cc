#include "evidence/committer.h"

#include <algorithm>

#include "evidence/formats/tree.h"
#include "evidence/names.h"

namespace holdfast::evidence {
namespace {

/// One sync takes no more than this (a single append_many apart), so that those behind are not kept waiting.
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

std::optional<Error> Committer::enqueue(Pending& pending) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return failed_;
    if (stopping_) return closed("evidence.log.closed", "The log takes no more entries: the server is stopping.");
    const std::size_t count = pending.count();
    if (waiting_entries_ + count > options_.queue_entries_max) {
      return closed("evidence.log.busy", "Too many entries wait for the disk: try again in a moment.");
    }
    waiting_entries_ += count;
    first = queue_.empty();
    queue_.push_back(std::move(pending));
  }
  if (first) wake_.notify_one();
  return std::nullopt;
}

void Committer::append(Entry entry, Log::Done done) {
  Pending pending;
  pending.entry = std::move(entry);
  pending.done = std::move(done);
  if (const auto error = enqueue(pending)) pending.done(tl::unexpected<Error>(*error));
}

void Committer::append_many(std::vector<Entry> entries, Log::DoneMany done) {
  const std::size_t count = entries.size();
  Pending pending;
  pending.entries = std::move(entries);
  pending.done_many = std::move(done);
  if (const auto error = enqueue(pending)) {
    pending.done_many(std::vector<Result<Appended>>(count, tl::unexpected<Error>(*error)));
  }
}

void Committer::run() {
  std::vector<Pending> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, renew_at_, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty() && stopping_) return;
      taken.swap(queue_);
    }
    renew_when_due();
    for (std::span<Pending> rest(taken); !rest.empty();) {
      std::size_t pendings = 0, entries = 0;
      while (pendings < rest.size() && entries < kBatchEntries) entries += rest[pendings++].count();
      commit(rest.first(pendings));
      rest = rest.subspan(pendings);
      renew_when_due();
    }
    taken.clear();
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

void Committer::commit(std::span<Pending> batch) {
  const auto room = sealer_.wait_for_room();
  const UnixMillis now = clock_.now();
  for (Pending& pending : batch) {
    if (room && !failed_) {
      stage(pending, now);
    } else {
      const Error& error = failed_ ? *failed_ : room.error();
      pending.results.assign(pending.count(), tl::unexpected<Error>(error));
    }
  }
  flush();
  std::size_t entries = 0;
  for (Pending& pending : batch) entries += pending.count();
  {
    const std::lock_guard lock(mutex_);
    waiting_entries_ -= entries;
  }
  for (Pending& pending : batch) answer(pending);
  sealer_.notify();
  snapshot_when_due();
}

void Committer::stage(Pending& pending, UnixMillis now) {
  pending.results.reserve(pending.count());
  if (pending.done) {
    pending.results.push_back(stage(pending.entry, now));
  } else {
    for (Entry& entry : pending.entries) pending.results.push_back(stage(entry, now));
  }
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

void Committer::answer(Pending& pending) {
  // Staged is not durable: after a failure, nobody is told that all went well, whatever came before it.
  if (failed_) {
    for (Result<Appended>& result : pending.results) {
      if (result && result->index >= tail_.size()) result = tl::unexpected<Error>(*failed_);
    }
  }
  if (pending.done) {
    pending.done(std::move(pending.results.front()));
  } else {
    pending.done_many(std::move(pending.results));
  }
}

void Committer::snapshot_when_due() {
  // The state ahead of a failed sync must never be stored.
  if (failed_ || tail_.size() - snapshot_size_ < options_.snapshot_every_entries || !sealer_.idle()) return;
  snapshot_size_ = tail_.size();
  sealer_.write_snapshot(snapshot_size_, follower_.snapshot());
}

}  // namespace holdfast::evidence
