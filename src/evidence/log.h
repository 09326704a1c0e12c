#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/note.h"
#include "base/result.h"
#include "evidence/formats/checkpoint.h"
#include "evidence/formats/entry.h"
#include "evidence/formats/tile.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// What an appended entry got; on disk when the caller sees it.
struct Appended {
  std::uint64_t index = 0;
  UnixMillis at = 0;
};

class Returns;

/// One entry on its way into the log, and then what became of it. Whoever appends it keeps it where it is, and leaves
/// it alone, until it comes back.
struct Append {
  Entry entry;
  Result<Appended> result;
  Append* next = nullptr;   ///< the next in a chain, there and back
  Returns* back = nullptr;  ///< the log's own note of where it goes back to
};

/// Where appended entries come back to. One for each thread that appends: all of its entries that one sync made durable
/// come back in one call, so that waking it once serves them all.
class Returns {
 public:
  virtual ~Returns() = default;
  /// A chain, in the order in which it was appended, each with its result. Called from the log's thread, whose next
  /// sync waits for it: it must be cheap, like handing the chain to the thread that appended. Called inside append()
  /// when the log is closed or too much waits.
  virtual void take_back(Append* chain) = 0;
};

/// Sees every entry in order, at start (replay after the newest snapshot) and as they are appended, on the log's own
/// thread, before whoever appended is told. The fold over the log (ledger/) is one.
///
/// An entry is admitted and followed in one go, *before* the sync that makes it durable: so the next entry of the same
/// batch is admitted against a state that holds it. Nobody is told until the sync succeeded; if it fails, the log is
/// closed for good ("evidence.log.failed") and the server must restart, so a state ahead of the disk decides nothing.
class Follower {
 public:
  virtual ~Follower() = default;
  /// The last word, in log order, right before an entry gets its index: an error keeps it out of the log and goes to
  /// whoever appended. So no release slips in behind the restriction, adoption or spent limit that forbids it.
  virtual Result<void> admit(const Entry& entry) const = 0;
  /// An error when something that the entry names cannot be read: then a log does not open, and one that is open closes
  /// for good, rather than decide by a state that lacks it.
  virtual Result<void> follow(std::uint64_t index, const Entry& entry) = 0;
  /// For quick starts: the state after all entries followed so far, and back. A restore that fails leaves the
  /// follower as it was; the log then tries an older snapshot, and at last replays from the first entry.
  virtual Bytes snapshot() const = 0;
  virtual Result<void> restore(ByteView snapshot) = 0;
};

struct LogOptions {
  std::uint64_t snapshot_every_entries = 65536;
  std::size_t queue_entries_max = 65536;  ///< more waiting than that: unavailable, so that callers push back
  /// If at least as many wait, staging them is worth the wake-up of a second thread that syncs meanwhile.
  std::size_t second_thread_from = 1024;
  std::chrono::milliseconds lease_ttl{15000};
  /// Names this server to the lease. The same owner takes over at once from its own crashed self; another waits for
  /// the lease to run out. Empty: the log key's name.
  std::string owner;
};

/// The evidence log over a Store: one writer (a lease), group commit, tiles, checkpoints. Thread-safe.
/// Durable first: an entry is in the journal and synced before its `done` is called; a checkpoint covers only such.
class Log {
 public:
  using Done = std::function<void(Result<Appended>)>;
  using DoneMany = std::function<void(std::vector<Result<Appended>>)>;

  /// Takes the lease, recovers (journal, tiles, newest snapshot into `follower`), proves the tree consistent with the
  /// last checkpoint signed; refuses to start otherwise ("evidence.rollback"). Borrows all but `key`.
  static Result<std::unique_ptr<Log>> open(storage::Store& store, SigningKey key, const Clock& clock,
                                           Follower& follower, LogOptions options = {});
  /// Would open() find the log whole, and the one that its newest checkpoint is signed over by `key`? Changes nothing
  /// but `follower`. Answers its number of entries. Errors: as open.
  static Result<std::uint64_t> examine(const storage::Store& store, const VerifierKey& key, Follower& follower);
  /// Stops taking entries, commits what waits, writes a snapshot, releases the lease.
  virtual ~Log() = default;

  /// Queues a chain of entries (their `at` is set here, never before the entry ahead), and gives each back once it is
  /// on disk, or could not be. Each is admitted by itself: one that is refused does not keep the others out. One sync
  /// serves all that wait; idle, it is immediate. Allocates nothing. `back` must outlive what it waits for.
  /// Errors: what Follower::admit said; invalid ("evidence.entry.…": too large, not UTF-8, a number above 2^53);
  /// unavailable ("evidence.log.busy", "evidence.log.failed", "evidence.log.closed").
  virtual void append(Append* chain, Returns& back) = 0;
  /// The same for one entry; `done` is called where take_back() would be.
  void append(Entry entry, Done done);
  /// Several, in this order, one after the other in the log unless another's come between two syncs.
  void append_many(std::vector<Entry> entries, DoneMany done);
  /// Blocks. Not for event loops.
  Result<Appended> append_and_wait(Entry entry);

  virtual std::uint64_t size() const = 0;  ///< durable entries
  virtual const VerifierKey& key() const = 0;
  /// A signed note over the durable tree as of now (signed afresh only when it grew).
  virtual Result<std::string> checkpoint() = 0;
  /// Contents of a hash tile or bundle; not_found beyond the newest checkpoint handed out.
  virtual Result<Bytes> tile(const TileId& id) const = 0;
  virtual Result<Bytes> entry(std::uint64_t index) const = 0;
  /// `.tlog-proof` for an entry, against a checkpoint of now.
  virtual Result<TlogProof> proof(std::uint64_t index) = 0;
  /// Consistency proof between two sizes.
  virtual Result<std::vector<Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const = 0;
  /// Every entry that contains `needle` (a pseudonym's text), oldest first. Reads the whole log: for a job thread.
  virtual Result<void> search(std::string_view needle,
                              const std::function<bool(std::uint64_t index, ByteView entry)>& visit) const = 0;
};

}  // namespace holdfast::evidence
