#include "evidence/log.h"

#include <future>

#include "evidence/checkpoints.h"
#include "evidence/committer.h"
#include "evidence/names.h"
#include "evidence/recovery.h"
#include "evidence/sealer.h"
#include "evidence/tail.h"
#include "evidence/tiles.h"

namespace holdfast::evidence {
namespace {

tl::unexpected<Error> beyond(std::string where) {
  return fail(Code::not_found, "evidence.beyond", std::move(where), "The log does not reach that far.");
}

/// The lease, given back when dropped.
class Lease {
 public:
  Lease(storage::Store& store, std::uint64_t token) : store_(&store), token_(token) {}
  Lease(Lease&& other) noexcept : store_(std::exchange(other.store_, nullptr)), token_(other.token_) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    // One that cannot be given back runs out by itself, or is already another's.
    if (store_) static_cast<void>(store_->release(kJournal, token_).has_value());
  }
  std::uint64_t token() const { return token_; }

 private:
  storage::Store* store_;
  std::uint64_t token_;
};

class TiledLog final : public Log {
 public:
  TiledLog(storage::Store& store, SigningKey key, Follower& follower, Lease lease, std::unique_ptr<Tail> tail)
      : follower_(follower),
        lease_(std::move(lease)),
        tail_(std::move(tail)),
        tiles_(store, *tail_),
        checkpoints_(store, std::move(key), *tail_, tiles_) {}

  Result<void> start(storage::Store& store, const Clock& clock, const LogOptions& options) {
    HF_CHECK(checkpoints_.recover());
    HF_TRY(const Replayed replayed, replay(store, tiles_, tail_->size(), follower_));
    sealer_ = std::make_unique<Sealer>(store, *tail_, tiles_);
    committer_ = std::make_unique<Committer>(
        store, clock, follower_, *tail_, *sealer_, options,
        Committer::Start{
            .lease = lease_.token(), .last_at = replayed.last_at, .snapshot_size = replayed.snapshot_size});
    return {};
  }

  ~TiledLog() override {
    if (!committer_) return;
    if (!committer_->finish()) return;
    if (committer_->snapshot_size() != tail_->size()) sealer_->write_snapshot(tail_->size(), follower_.snapshot());
    // Whatever cannot be sealed or snapshot now is in the journal, and done after the next start.
    static_cast<void>(sealer_->finish().has_value());
  }

  void append(Append* chain, Returns& back) override { committer_->append(chain, back); }

  std::uint64_t size() const override { return tail_->size(); }
  const VerifierKey& key() const override { return checkpoints_.key(); }

  Result<std::string> checkpoint() override {
    HF_TRY(Checkpoints::Signed newest, checkpoints_.newest());
    return std::move(newest.note);
  }

  Result<Bytes> tile(const TileId& id) const override {
    const std::uint64_t published = checkpoints_.published();
    const std::uint64_t hashes = id.level < Tail::kLevels ? published >> (8 * id.level) : 0;
    const bool there = id.width >= 1 && id.width <= kTileWidth && (!id.entries || id.level == 0) &&
                       id.width <= hashes && id.number <= (hashes - id.width) / kTileWidth;
    if (!there) return beyond(id.path());
    return tiles_.read(id);
  }

  Result<Bytes> entry(std::uint64_t index) const override {
    if (index >= size()) return beyond("entry " + std::to_string(index));
    return tiles_.entry(index);
  }

  Result<TlogProof> proof(std::uint64_t index) override {
    if (index >= size()) return beyond("entry " + std::to_string(index));
    HF_TRY(Checkpoints::Signed newest, checkpoints_.newest());
    TlogProof out{.index = index, .hashes = {}, .checkpoint = std::move(newest.note), .extra = {}};
    HF_TRY(out.hashes, inclusion_proof(index, newest.tree.size, tiles_.hashes(newest.tree.size)));
    return out;
  }

  Result<std::vector<Hash>> consistency(std::uint64_t old_size, std::uint64_t new_size) const override {
    if (new_size > size()) return beyond("size " + std::to_string(new_size));
    return consistency_proof(old_size, new_size, tiles_.hashes(new_size));
  }

  Result<void> search(std::string_view needle,
                      const std::function<bool(std::uint64_t, ByteView)>& visit) const override {
    const std::uint64_t end = size();
    for (std::uint64_t begin = 0; begin < end; begin += kTileWidth) {
      const TileId id{.entries = true,
                      .number = begin / kTileWidth,
                      .width = static_cast<std::uint16_t>(std::min(kTileWidth, end - begin))};
      HF_TRY(const Bytes bundle, tiles_.read(id));
      // Most bundles do not hold it: one look at the whole saves looking at each entry.
      if (bundle.find(needle) == Bytes::npos) continue;
      HF_TRY(const auto entries, split_bundle(bundle, id.width));
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].find(needle) != ByteView::npos && !visit(begin + i, entries[i])) return {};
      }
    }
    return {};
  }

 private:
  Follower& follower_;
  Lease lease_;
  std::unique_ptr<Tail> tail_;
  Tiles tiles_;
  Checkpoints checkpoints_;
  std::unique_ptr<Sealer> sealer_;
  std::unique_ptr<Committer> committer_;
};

/// One entry and its callback; deletes itself when it is back.
class Single final : public Returns {
 public:
  Single(Entry entry, Log::Done done) : done_(std::move(done)) { append_.entry = std::move(entry); }
  void send(Log& log) { log.append(&append_, *this); }
  void take_back(Append* chain) override {
    const std::unique_ptr<Single> end(this);
    done_(std::move(chain->result));
  }

 private:
  Append append_;
  const Log::Done done_;
};

/// Several entries with one callback; deletes itself when all are back, which may take more than one sync.
class Several final : public Returns {
 public:
  Several(std::vector<Entry> entries, Log::DoneMany done)
      : appends_(entries.size()), left_(entries.size()), done_(std::move(done)) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      appends_[i].entry = std::move(entries[i]);
      if (i > 0) appends_[i - 1].next = &appends_[i];
    }
  }
  void send(Log& log) { log.append(appends_.data(), *this); }
  void take_back(Append* chain) override {
    for (; chain; chain = chain->next) --left_;
    if (left_ > 0) return;
    const std::unique_ptr<Several> end(this);
    std::vector<Result<Appended>> results;
    results.reserve(appends_.size());
    for (Append& append : appends_) results.push_back(std::move(append.result));
    done_(std::move(results));
  }

 private:
  std::vector<Append> appends_;
  std::size_t left_;
  const Log::DoneMany done_;
};

}  // namespace

Result<std::unique_ptr<Log>> Log::open(storage::Store& store, SigningKey key, const Clock& clock, Follower& follower,
                                       LogOptions options) {
  if (options.owner.empty()) options.owner = key.verifier().name();
  HF_TRY(const std::uint64_t token, store.acquire(kJournal, options.owner, options.lease_ttl));
  Lease lease(store, token);
  HF_TRY(std::unique_ptr<Tail> tail, load_tail(store));
  auto log = std::make_unique<TiledLog>(store, std::move(key), follower, std::move(lease), std::move(tail));
  HF_CHECK(log->start(store, clock, options));
  return log;
}

Result<std::uint64_t> Log::examine(const storage::Store& store, const VerifierKey& key, Follower& follower) {
  HF_TRY(const std::unique_ptr<Tail> tail, load_tail(store));
  const Tiles tiles(store, *tail);
  HF_CHECK(Checkpoints::check(store, key, *tail, tiles));
  HF_CHECK(replay(store, tiles, tail->size(), follower));
  return tail->size();
}

void Log::append(Entry entry, Done done) { (new Single(std::move(entry), std::move(done)))->send(*this); }

void Log::append_many(std::vector<Entry> entries, DoneMany done) {
  if (entries.empty()) return done({});
  (new Several(std::move(entries), std::move(done)))->send(*this);
}

Result<Appended> Log::append_and_wait(Entry entry) {
  // Shared, because set_value may still be at work in the promise when get() returns.
  const auto promise = std::make_shared<std::promise<Result<Appended>>>();
  append(std::move(entry), [promise](Result<Appended> result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

}  // namespace holdfast::evidence
