#include "evidence/recovery.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <latch>
#include <random>
#include <thread>

#include "evidence/log_test.h"
#include "storage/rocksdb/store.h"

namespace holdfast::evidence {
namespace {

/// Copies a log's store into a fresh one, all its blobs, but no more than `entries` of its journal.
void copy_store(storage::Store& from, storage::Store& to, std::uint64_t entries) {
  const std::uint64_t token = to.acquire("log", "copy", std::chrono::seconds(60)).value();
  ASSERT_TRUE(from.read("log", 0, [&](std::uint64_t position, std::uint32_t count, ByteView packed) {
    if (position + count > entries) return false;
    EXPECT_TRUE(to.append("log", position, count, packed, token));
    return true;
  }));
  const auto names = from.list_blobs("", "", 10'000).value();
  for (const std::string& name : names) {
    const storage::Blob blob{name, from.get_blob(name).value().value()};
    ASSERT_TRUE(to.put_blobs({&blob, 1}));
  }
  ASSERT_TRUE(to.release("log", token));
}

TEST(LogFaults, AFailedSyncTellsNobodyOkAndClosesTheLogForGood) {
  for (const auto mode : {MemoryFaults::Mode::before, MemoryFaults::Mode::after}) {
    Bench bench;
    ASSERT_TRUE(bench.open());
    bench.grow(10);
    bench.faults.fail_write(1, mode);
    for (int i = 0; i < 2; ++i) {
      const auto refused = bench.log->append_and_wait(entry_by("a"));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Code::unavailable);
      EXPECT_EQ(refused.error().slug, "evidence.log.failed");
    }
    EXPECT_EQ(bench.log->size(), 10u);
    bench.log.reset();
    bench.faults.crash();
    ASSERT_TRUE(bench.open());
    // The log may say more than anyone was told, never less: a write can reach the disk and yet report a failure.
    const std::uint64_t size = bench.log->size();
    EXPECT_EQ(size, mode == MemoryFaults::Mode::before ? 10u : 11u);
    EXPECT_EQ(bench.witness->count(), size) << "what was staged and lost is not in the state";
    EXPECT_EQ(bench.log->append_and_wait(entry_by("a"))->index, size);
  }
}

TEST(LogFaults, WhateverWriteFailsNothingAcknowledgedIsLostAndCheckpointsJoin) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Bench bench;
  bench.options.snapshot_every_entries = 700;
  bench.options.second_thread_from = 1;
  std::map<std::uint64_t, std::uint64_t> acknowledged;  // index and the entry's own number
  Checkpoint newest;
  newest.root = empty_root();
  for (int round = 0; round < 40; ++round) {
    ASSERT_TRUE(bench.open());
    const std::vector<Bytes> entries = entries_of(*bench.log);
    for (const auto& [index, number] : acknowledged) {
      ASSERT_LT(index, entries.size());
      ASSERT_EQ(std::get<BackupTaken>(Entry::decode(entries[index])->event).size, number);
    }
    ASSERT_EQ(bench.witness->count(), bench.log->size());
    const auto proof = bench.log->consistency(newest.size, bench.log->size());
    ASSERT_TRUE(proof);
    ASSERT_TRUE(
        check_consistency(newest.size, newest.root, bench.log->size(), root_from(leaves_of(*bench.log)), *proof));
    bench.faults.fail_write(1 + random() % 12, random() % 2 ? MemoryFaults::Mode::before : MemoryFaults::Mode::after,
                            1 + random() % 40);
    for (int step = 0; step < 12; ++step) {
      // Several at once, so that some are staged while others are written.
      const std::uint64_t number = random() >> 12;
      std::vector<std::promise<std::vector<Result<Appended>>>> promises(1 + random() % 4);
      for (auto& promise : promises) {
        bench.log->append_many(std::vector<Entry>(1 + random() % 400, entry_by("a", number)),
                               [&](auto results) { promise.set_value(std::move(results)); });
      }
      for (auto& promise : promises) {
        for (const auto& result : promise.get_future().get()) {
          if (result) acknowledged[result->index] = number;
        }
      }
      if (const auto note = bench.log->checkpoint()) newest = open_checkpoint(*note, bench.log->key()).value();
    }
    bench.log.reset();
    bench.faults.fail_write(0, MemoryFaults::Mode::before, 0);
    bench.faults.crash();
  }
}

TEST(LogRecovery, RefusesALogShorterThanItsNewestCheckpoint) {
  Bench bench, older;
  ASSERT_TRUE(bench.open());
  bench.grow(10);
  bench.grow(10);
  ASSERT_TRUE(bench.log->checkpoint());
  copy_store(*bench.store, *older.store, 10);
  const auto opened = older.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().slug, "evidence.rollback");
}

TEST(LogRecovery, RefusesAJournalThatEndsBeforeWhatIsSealed) {
  Bench bench, cut;
  ASSERT_TRUE(bench.open());
  bench.grow(10);
  bench.grow(1000);
  const VerifierKey key = bench.log->key();
  Witness looking, cut_looking;
  bench.log.reset();  // which seals what is complete
  EXPECT_EQ(Log::examine(*bench.store, key, looking).value(), 1010u);
  copy_store(*bench.store, *cut.store, 10);
  EXPECT_EQ(Log::examine(*cut.store, key, cut_looking).error().slug, "evidence.journal.broken");
  EXPECT_EQ(cut.open().error().slug, "evidence.journal.broken");
}

TEST(LogRecovery, RefusesAnotherLogOfTheSameLength) {
  Bench bench, other;
  ASSERT_TRUE(bench.open());
  bench.grow(10);
  ASSERT_TRUE(bench.log->checkpoint());
  const auto names = bench.store->list_blobs("checkpoint/", "", 10).value();
  ASSERT_TRUE(other.open());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(other.log->append_and_wait(entry_by("else")));
  other.log.reset();
  const storage::Blob blob{names.back(), bench.store->get_blob(names.back()).value().value()};
  ASSERT_TRUE(other.store->put_blobs({&blob, 1}));
  EXPECT_EQ(other.open().error().slug, "evidence.rollback");
}

TEST(LogRecovery, RefusesAnotherKeysCheckpoint) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  bench.grow(1);
  ASSERT_TRUE(bench.log->checkpoint());
  bench.log.reset();
  Witness witness;
  EXPECT_EQ(Log::open(*bench.store, log_key('x'), bench.clock, witness).error().slug, "evidence.checkpoint.unsigned");
  EXPECT_EQ(Log::examine(*bench.store, log_key('x').verifier(), witness).error().slug, "evidence.checkpoint.unsigned");
}

TEST(LogRecovery, RefusesAJournalWithoutItsTiles) {
  Bench bench, other;
  bench.options.snapshot_every_entries = 1 << 20;
  ASSERT_TRUE(bench.open());
  for (int i = 0; i < 10; ++i) bench.grow(1000);
  ASSERT_TRUE(bench.open());
  bench.grow(5);
  // Sealed and trimmed: without the blob of a tile, the tree cannot be rebuilt.
  for (const char* lost : {"tile/0/000", "tile/0/030"}) {
    const Bytes content = bench.store->get_blob(lost).value().value();
    const std::string name = lost;
    bench.log.reset();
    ASSERT_TRUE(bench.store->delete_blobs({&name, 1}));
    EXPECT_EQ(bench.open().error().slug, "evidence.tile.missing");
    const storage::Blob blob{name, content};
    ASSERT_TRUE(bench.store->put_blobs({&blob, 1}));
    ASSERT_TRUE(bench.open());
  }
}

TEST(LogRecovery, StartsFromTheNewestGoodSnapshotAndElseFromTheFirstEntry) {
  Bench bench;
  bench.options.snapshot_every_entries = 1 << 20;
  ASSERT_TRUE(bench.open());
  bench.grow(1000);
  ASSERT_TRUE(bench.open());
  EXPECT_EQ(bench.witness->followed(), 0u) << "a clean stop leaves a snapshot of all";
  bench.grow(500);
  ASSERT_TRUE(bench.open());
  bench.grow(1);
  ASSERT_TRUE(bench.open());
  auto names = bench.store->list_blobs("snapshot/", "", 10).value();
  ASSERT_EQ(names.size(), 2u) << "the last two are kept";
  const auto spent = bench.witness->spent();

  const auto damage = [&](const std::string& name) {
    storage::Blob blob{name, bench.store->get_blob(name).value().value()};
    blob.bytes[blob.bytes.size() / 2] ^= 1;
    ASSERT_TRUE(bench.store->delete_blobs({&name, 1}));
    ASSERT_TRUE(bench.store->put_blobs({&blob, 1}));
  };
  bench.log.reset();
  damage(names[1]);
  ASSERT_TRUE(bench.open());
  EXPECT_EQ(bench.witness->followed(), 1u);
  EXPECT_EQ(bench.witness->spent(), spent);
  bench.log.reset();
  names = bench.store->list_blobs("snapshot/", "", 10).value();
  for (const std::string& name : names) damage(name);
  ASSERT_TRUE(bench.open());
  EXPECT_EQ(bench.witness->followed(), 1501u);
  EXPECT_EQ(bench.witness->spent(), spent);

  bench.log.reset();
  Witness picky;
  picky.refuse_restore = true;
  ASSERT_TRUE(Log::open(*bench.store, log_key(), bench.clock, picky));
  EXPECT_EQ(picky.followed(), 1501u);
}

TEST(LogLease, AnotherOwnersWriterIsFencedOff) {
  Bench bench;
  bench.faults.set_clock(&bench.clock);
  bench.options.owner = "first";
  ASSERT_TRUE(bench.open());
  bench.grow(1);
  Witness second;
  const LogOptions options{.owner = "second"};
  EXPECT_EQ(Log::open(*bench.store, log_key(), bench.clock, second, options).error().code, Code::conflict);
  bench.clock.advance(std::chrono::minutes(1));
  auto taken = Log::open(*bench.store, log_key(), bench.clock, second, options);
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_EQ(bench.log->append_and_wait(entry_by("late")).error().slug, "evidence.log.failed");
  EXPECT_EQ((*taken)->append_and_wait(entry_by("new"))->index, 1u);
}

TEST(LogOnRocksDb, KeepsEverythingAcrossRestartsUnderManyThreads) {
  const std::string directory = testing::TempDir() + "holdfast_log_test." + std::to_string(getpid());
  std::filesystem::remove_all(directory);
  std::vector<Hash> leaves;
  ManualClock clock;
  for (int start = 0; start < 3; ++start) {
    auto store = storage::open_rocksdb(directory);
    ASSERT_TRUE(store) << store.error().text();
    Witness witness;
    auto log = Log::open(**store, log_key(), clock, witness);
    ASSERT_TRUE(log) << log.error().text();
    const std::vector<Hash> now = leaves_of(**log);
    ASSERT_EQ(now, leaves);
    EXPECT_EQ(witness.count(), leaves.size());
    {
      std::vector<std::jthread> running;
      for (int t = 0; t < 4; ++t) {
        running.emplace_back([&, t] {
          for (int i = 0; i < 20; ++i) EXPECT_TRUE((*log)->append_and_wait(entry_by("t" + std::to_string(t))));
          std::promise<void> done;
          (*log)->append_many(std::vector<Entry>(2000, entry_by("many")), [&](auto results) {
            for (const auto& result : results) EXPECT_TRUE(result);
            done.set_value();
          });
          done.get_future().wait();
        });
      }
    }
    leaves = leaves_of(**log);
    EXPECT_EQ(leaves.size(), static_cast<std::size_t>(start + 1) * 4 * 2020);
    EXPECT_EQ(open_checkpoint((*log)->checkpoint().value(), (*log)->key())->root, root_from(leaves));
  }
  std::filesystem::remove_all(directory);
}

/// In the child: appends chains without end, several under way, and reports the last index of each that is durable.
class AppendingUntilKilled final : public Returns {
 public:
  explicit AppendingUntilKilled(int report) : report_(report) {}
  [[noreturn]] void run(const std::string& directory) {
    auto store = storage::open_rocksdb(directory);
    if (!store) ::_exit(2);
    Witness witness;
    LogOptions options;
    options.second_thread_from = 1;
    options.snapshot_every_entries = 1000;
    const SystemClock clock;
    auto log = Log::open(**store, log_key(), clock, witness, options);
    if (!log) ::_exit(3);
    std::array<std::array<Append, 50>, 20> chains;
    std::uint64_t number = (*log)->size();
    for (;;) {
      returning_ = std::make_unique<std::latch>(chains.size() * chains[0].size());
      for (auto& chain : chains) {
        for (std::size_t i = 0; i < chain.size(); ++i) {
          chain[i].entry = entry_by("p", number++);
          chain[i].next = i + 1 < chain.size() ? &chain[i + 1] : nullptr;
        }
        (*log)->append(chain.data(), *this);
      }
      returning_->wait();
    }
  }
  void take_back(Append* chain) override {
    std::ptrdiff_t count = 0;
    std::uint64_t last = 0;
    for (; chain; chain = chain->next, ++count) {
      if (!chain->result) ::_exit(4);
      last = chain->result->index;
    }
    if (::write(report_, &last, sizeof last) != sizeof last) ::_exit(5);
    returning_->count_down(count);
  }

 private:
  const int report_;
  std::unique_ptr<std::latch> returning_;
};

TEST(LogOnRocksDb, WhatWasAcknowledgedSurvivesKill9WhileBatchesAreStagedAhead) {
  const std::string directory = testing::TempDir() + "holdfast_log_kill_test." + std::to_string(getpid());
  std::filesystem::remove_all(directory);
  for (const int reports : {1, 7, 60, 150}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) AppendingUntilKilled(ends[1]).run(directory);
    ::close(ends[1]);
    std::uint64_t last = 0;
    for (int i = 0; i < reports; ++i) ASSERT_EQ(::read(ends[0], &last, sizeof last), ssize_t{sizeof last});
    ::kill(child, SIGKILL);
    for (std::uint64_t n; ::read(ends[0], &n, sizeof n) == sizeof n;) last = n;
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    auto store = storage::open_rocksdb(directory);
    ASSERT_TRUE(store) << store.error().text();
    Witness witness;
    const SystemClock clock;
    auto log = Log::open(**store, log_key(), clock, witness);
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_GT((*log)->size(), last);
    EXPECT_EQ(witness.count(), (*log)->size());
    const std::vector<Bytes> entries = entries_of(**log);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      ASSERT_EQ(std::get<BackupTaken>(Entry::decode(entries[i])->event).size, i);
    }
    EXPECT_EQ(open_checkpoint((*log)->checkpoint().value(), (*log)->key())->root, root_from(leaves_of(**log)));
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace holdfast::evidence
