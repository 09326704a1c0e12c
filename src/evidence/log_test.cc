#include "evidence/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include "base/hash.h"
#include "evidence/compress.h"
#include "evidence/formats/tree.h"
#include "storage/memory.h"
#include "storage/rocksdb_store.h"

namespace holdfast::evidence {
namespace {

using storage::MemoryFaults;

SigningKey log_key(char seed = 'k') { return SigningKey::from_seed("log.example/ev", Bytes(32, seed)).value(); }

/// Remembers what it followed; refuses parties named "nobody".
class Witness final : public Follower {
 public:
  Result<void> admit(const Entry& entry) const override {
    if (entry.party == "nobody") return fail(Code::refused, "test.nobody", "", "x");
    const auto spent = spent_.find(entry.party);
    if (entry.party == "limited" && spent != spent_.end() && spent->second >= 3) {
      return fail(Code::exhausted, "test.limited", "", "x");
    }
    return {};
  }
  void follow(std::uint64_t index, const Entry& entry) override {
    EXPECT_EQ(index, count_) << "entries are followed in order, none twice";
    ++count_, ++followed_;
    ++spent_[entry.party];
  }
  Bytes snapshot() const override {
    Bytes out;
    put_varint(out, count_);
    for (const auto& [party, spent] : spent_) put_sized(out, party), put_varint(out, spent);
    return out;
  }
  Result<void> restore(ByteView snapshot) override {
    if (refuse_restore) return fail(Code::corrupt, "test.restore", "", "x");
    ByteReader in(snapshot);
    count_ = in.varint();
    while (in.ok() && in.left() > 0) {
      const std::string party(in.sized());
      spent_[party] = in.varint();
    }
    return {};
  }
  bool refuse_restore = false;
  std::uint64_t count() const { return count_; }
  std::uint64_t followed() const { return followed_; }  ///< since the start, without what a snapshot gave
  const std::map<std::string, std::uint64_t>& spent() const { return spent_; }

 private:
  std::uint64_t count_ = 0, followed_ = 0;
  std::map<std::string, std::uint64_t> spent_;
};

Entry entry_by(std::string party, std::uint64_t number = 0) {
  return {.at = 0, .agreement = 1, .party = std::move(party), .event = BackupTaken{.size = number}};
}

/// A log over a memory store that outlives it.
struct Bench {
  MemoryFaults faults;
  std::unique_ptr<storage::Store> store = storage::open_memory(&faults);
  ManualClock clock;
  std::unique_ptr<Witness> witness;
  std::unique_ptr<Log> log;
  LogOptions options;

  Result<void> open() {
    log.reset();
    witness = std::make_unique<Witness>();
    HF_TRY(log, Log::open(*store, log_key(), clock, *witness, options));
    return {};
  }
  void grow(std::uint64_t count) {
    std::vector<Entry> entries;
    for (std::uint64_t i = 0; i < count; ++i) entries.push_back(entry_by("p" + std::to_string(i % 5), i));
    std::promise<std::vector<Result<Appended>>> promise;
    log->append_many(std::move(entries), [&](auto results) { promise.set_value(std::move(results)); });
    for (const auto& result : promise.get_future().get()) ASSERT_TRUE(result) << result.error().text();
  }
};

std::vector<Bytes> entries_of(const Log& log) {
  std::vector<Bytes> out;
  EXPECT_TRUE(log.search("", [&](std::uint64_t index, ByteView entry) {
    EXPECT_EQ(index, out.size());
    out.emplace_back(entry);
    return true;
  }));
  EXPECT_EQ(out.size(), log.size());
  return out;
}

std::vector<Hash> leaves_of(const Log& log) {
  std::vector<Hash> out;
  for (const Bytes& entry : entries_of(log)) out.push_back(leaf_hash(entry));
  return out;
}

Hash root_from(std::span<const Hash> leaves) {
  Frontier frontier;
  for (const Hash& leaf : leaves) frontier.append(leaf);
  return frontier.root();
}

/// The hash tile of a tree with these leaves, by the definition.
Bytes tile_from(std::span<const Hash> leaves, const TileId& id) {
  std::vector<Hash> row(leaves.begin(), leaves.end());
  for (unsigned level = 0; level < id.level; ++level) {
    std::vector<Hash> above;
    for (std::size_t i = 0; i + 256 <= row.size(); i += 256) above.push_back(root_from(std::span(row).subspan(i, 256)));
    row = std::move(above);
  }
  Bytes out;
  for (std::size_t i = 0; i < id.width; ++i) out += row.at(id.number * 256 + i).view();
  return out;
}

TEST(LogAppend, GivesIndexesInOrderAndTimesThatNeverGoBack) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  const UnixMillis start = bench.clock.now();
  EXPECT_EQ(bench.log->append_and_wait(entry_by("a"))->index, 0u);
  bench.clock.set(start + 1000);
  EXPECT_EQ(bench.log->append_and_wait(entry_by("a"))->at, start + 1000);
  bench.clock.set(start - 500'000);
  const auto back = bench.log->append_and_wait(entry_by("a"));
  EXPECT_EQ(back->index, 2u);
  EXPECT_EQ(back->at, start + 1000);
  EXPECT_EQ(Entry::decode(bench.log->entry(2).value())->at, start + 1000);
  ASSERT_TRUE(bench.open());
  EXPECT_EQ(bench.log->append_and_wait(entry_by("a"))->at, start + 1000) << "nor across a restart";
  EXPECT_EQ(bench.log->entry(4).error().code, Code::not_found);
}

TEST(LogAppend, ARefusedEntryStaysOutAloneAndLimitsHoldWithinABatch) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  std::vector<Entry> entries;
  for (int i = 0; i < 5; ++i) entries.push_back(entry_by("limited"));
  entries.push_back(entry_by("nobody"));
  entries.push_back(entry_by("\xff"));
  entries.push_back(entry_by("last"));
  std::promise<std::vector<Result<Appended>>> promise;
  bench.log->append_many(std::move(entries), [&](auto results) { promise.set_value(std::move(results)); });
  const auto results = promise.get_future().get();
  std::vector<std::string_view> outcomes;
  for (const auto& result : results) outcomes.push_back(result ? "ok" : result.error().slug);
  EXPECT_THAT(outcomes, testing::ElementsAre("ok", "ok", "ok", "test.limited", "test.limited", "test.nobody",
                                             "evidence.entry.value", "ok"));
  EXPECT_EQ(results.back()->index, 3u);
  EXPECT_EQ(bench.log->size(), 4u);
  EXPECT_EQ(bench.witness->count(), 4u);
}

TEST(LogAppend, OneSyncServesAllThatWait) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  const std::uint64_t before = bench.faults.syncs();
  bench.grow(1000);
  EXPECT_EQ(bench.faults.syncs(), before + 1);
}

TEST(LogAppend, ManyThreadsGetEachIndexOnce) {
  constexpr int threads = 4, each = 2000;
  Bench bench;
  ASSERT_TRUE(bench.open());
  std::vector<std::vector<std::uint64_t>> got(threads);
  std::latch all(threads * each);
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          bench.log->append(entry_by("t" + std::to_string(t), static_cast<std::uint64_t>(i)), [&, t](auto result) {
            if (result) got[static_cast<std::size_t>(t)].push_back(result->index);
            all.count_down();
          });
        }
      });
    }
  }
  all.wait();
  std::vector<bool> seen(threads * each);
  for (int t = 0; t < threads; ++t) {
    const auto& indexes = got[static_cast<std::size_t>(t)];
    ASSERT_EQ(indexes.size(), std::size_t{each});
    EXPECT_TRUE(std::ranges::is_sorted(indexes)) << "one thread's entries keep their order";
    for (const std::uint64_t index : indexes) {
      EXPECT_FALSE(seen.at(index));
      seen.at(index) = true;
    }
    const Entry third = Entry::decode(bench.log->entry(indexes[2]).value()).value();
    EXPECT_EQ(third.party, "t" + std::to_string(t));
    EXPECT_EQ(std::get<BackupTaken>(third.event).size, 2u);
  }
}

TEST(LogAppend, PushesBackWhenTooManyWait) {
  Bench bench;
  bench.options.queue_entries_max = 10;
  ASSERT_TRUE(bench.open());
  std::vector<Entry> entries(11, entry_by("a"));
  std::vector<Result<Appended>> results;
  bench.log->append_many(entries, [&](auto given) { results = std::move(given); });
  ASSERT_EQ(results.size(), 11u) << "told at once";
  for (const auto& result : results) EXPECT_EQ(result.error().slug, "evidence.log.busy");
  entries.pop_back();
  bench.grow(10);
  EXPECT_EQ(bench.log->size(), 10u);
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
    ASSERT_TRUE(check_consistency(newest.size, newest.root, bench.log->size(), root_from(leaves_of(*bench.log)), *proof));
    bench.faults.fail_write(1 + random() % 12,
                            random() % 2 ? MemoryFaults::Mode::before : MemoryFaults::Mode::after, 1 + random() % 40);
    for (int step = 0; step < 12; ++step) {
      std::promise<std::vector<Result<Appended>>> promise;
      const std::uint64_t number = random() >> 12;
      bench.log->append_many(std::vector<Entry>(1 + random() % 900, entry_by("a", number)),
                             [&](auto results) { promise.set_value(std::move(results)); });
      for (const auto& result : promise.get_future().get()) {
        if (result) acknowledged[result->index] = number;
      }
      if (const auto note = bench.log->checkpoint()) newest = open_checkpoint(*note, bench.log->key()).value();
    }
    bench.log.reset();
    bench.faults.fail_write(0, MemoryFaults::Mode::before, 0);
    bench.faults.crash();
  }
}

TEST(LogTree, TilesAndPartialTilesAreThoseOfAnIndependentTree) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  std::vector<Hash> leaves;
  // Two levels of full tiles, some sealed, some in the tail, some neither yet at a restart.
  for (const std::uint64_t size : {1, 255, 256, 257, 600, 4096, 4500, 9000}) {
    bench.grow(size - bench.log->size());
    if (size == 4500) {
      ASSERT_TRUE(bench.open());
    }
    ASSERT_EQ(bench.log->size(), size);
    leaves = leaves_of(*bench.log);
    const Checkpoint checkpoint = open_checkpoint(bench.log->checkpoint().value(), bench.log->key()).value();
    EXPECT_EQ(checkpoint.size, size);
    EXPECT_EQ(checkpoint.root, root_from(leaves));
    for (const TileId& id : tiles_of(size)) {
      const auto content = bench.log->tile(id);
      ASSERT_TRUE(content) << id.path();
      if (id.entries) {
        const auto entries = split_bundle(*content, id.width);
        ASSERT_TRUE(entries) << id.path();
        for (std::size_t i = 0; i < id.width; ++i) {
          ASSERT_EQ(leaf_hash((*entries)[i]), leaves[id.number * 256 + i]);
        }
      } else {
        ASSERT_EQ(*content, tile_from(leaves, id)) << id.path();
      }
    }
  }
  // Every width, of a sealed tile, of a complete one, of the last one.
  for (const std::uint64_t number : {0, 16, 34, 35}) {
    for (std::uint16_t width = 1; width <= 256; ++width) {
      TileId id{.number = number, .width = width};
      const bool there = number * 256 + width <= 9000;
      const auto hashes = bench.log->tile(id);
      ASSERT_EQ(hashes.has_value(), there) << id.path();
      id.entries = true;
      const auto bundle = bench.log->tile(id);
      ASSERT_EQ(bundle.has_value(), there) << id.path();
      if (!there) continue;
      id.entries = false;
      ASSERT_EQ(*hashes, tile_from(leaves, id));
      ASSERT_TRUE(split_bundle(*bundle, width));
    }
  }
}

TEST(LogTree, NothingBeyondTheNewestCheckpointIsServed) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  bench.grow(300);
  EXPECT_EQ(bench.log->tile({.number = 0, .width = 1}).error().code, Code::not_found);
  ASSERT_TRUE(bench.log->checkpoint());
  bench.grow(10);
  EXPECT_TRUE(bench.log->tile({.number = 0}));
  EXPECT_TRUE(bench.log->tile({.number = 1, .width = 44}));
  EXPECT_TRUE(bench.log->tile({.level = 1, .number = 0, .width = 1}));
  for (const TileId id : {TileId{.number = 1, .width = 45}, TileId{.number = 1}, TileId{.number = 2, .width = 1},
                          TileId{.level = 1, .number = 0, .width = 2}, TileId{.level = 2, .number = 0, .width = 1},
                          TileId{.level = 63, .number = 0, .width = 1}, TileId{.number = 0, .width = 0},
                          TileId{.number = 0, .width = 257}, TileId{.number = ~std::uint64_t{0}, .width = 1},
                          TileId{.entries = true, .level = 1, .number = 0, .width = 1}}) {
    EXPECT_EQ(bench.log->tile(id).error().code, Code::not_found) << id.path();
  }
  ASSERT_TRUE(bench.log->checkpoint());
  EXPECT_TRUE(bench.log->tile({.number = 1, .width = 45}));
}

TEST(LogTree, EveryEntryHasAProofAndSizesJoin) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  bench.grow(700);
  const std::vector<Hash> leaves = leaves_of(*bench.log);
  for (std::uint64_t index = 0; index < 700; ++index) {
    const auto proof = bench.log->proof(index);
    ASSERT_TRUE(proof);
    const auto parsed = TlogProof::parse(proof->encode());
    ASSERT_TRUE(parsed);
    const Bytes entry = bench.log->entry(index).value();
    ASSERT_TRUE(parsed->check(entry, bench.log->key()));
    ASSERT_FALSE(parsed->check(entry + " ", bench.log->key()));
  }
  EXPECT_EQ(bench.log->proof(700).error().code, Code::not_found);
  for (const std::uint64_t old_size : {0, 1, 255, 256, 257, 511, 700}) {
    const auto proof = bench.log->consistency(old_size, 700);
    ASSERT_TRUE(proof);
    EXPECT_TRUE(check_consistency(old_size, root_from(std::span(leaves).first(old_size)), 700, root_from(leaves), *proof));
  }
  EXPECT_EQ(bench.log->consistency(1, 701).error().code, Code::not_found);
}

TEST(LogCheckpoint, IsSignedAfreshOnlyWhenTheTreeGrewAndIsInTheStoreFirst) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  const std::string empty = bench.log->checkpoint().value();
  EXPECT_EQ(open_checkpoint(empty, bench.log->key())->root, empty_root());
  bench.grow(3);
  const std::uint64_t before = bench.faults.writes();
  const std::string first = bench.log->checkpoint().value();
  EXPECT_EQ(bench.faults.writes(), before + 1);
  EXPECT_EQ(bench.log->checkpoint().value(), first);
  EXPECT_EQ(bench.faults.writes(), before + 1);
  bench.grow(1);
  bench.faults.fail_write(1);
  EXPECT_EQ(bench.log->checkpoint().error().code, Code::unavailable);
  EXPECT_EQ(open_checkpoint(bench.log->checkpoint().value(), bench.log->key())->size, 4u);
  ASSERT_TRUE(bench.open());
  EXPECT_TRUE(bench.log->tile({.number = 0, .width = 4})) << "what was handed out is served after a restart";
}

TEST(LogCheckpoint, OldOnesDoNotPileUp) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  for (int i = 0; i < 300; ++i) {
    bench.grow(1);
    ASSERT_TRUE(bench.log->checkpoint());
  }
  EXPECT_LT(bench.store->list_blobs("checkpoint/", "", 1000)->size(), 70u);
}

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

TEST(LogSearch, FindsEveryEntryThatHoldsTheNeedleAndStopsWhenTold) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  bench.grow(5000);
  ASSERT_TRUE(bench.log->append_and_wait(entry_by("needle")));
  bench.grow(300);
  ASSERT_TRUE(bench.log->append_and_wait(entry_by("needle")));
  std::vector<std::uint64_t> found;
  ASSERT_TRUE(bench.log->search("needle", [&](std::uint64_t index, ByteView entry) {
    EXPECT_NE(entry.find("needle"), ByteView::npos);
    found.push_back(index);
    return true;
  }));
  EXPECT_THAT(found, testing::ElementsAre(5000u, 5301u));
  int visits = 0;
  ASSERT_TRUE(bench.log->search("needle", [&](std::uint64_t, ByteView) { return ++visits, false; }));
  EXPECT_EQ(visits, 1);
}

TEST(Compress, ComesBackAndRefusesDamage) {
  Bytes bundle;
  for (int i = 0; i < 256; ++i) put_entry(bundle, entry_by("p", static_cast<std::uint64_t>(i)).encode());
  const Bytes frame = compress_bundle(bundle);
  EXPECT_LT(frame.size() * 4, bundle.size());
  EXPECT_EQ(decompress_bundle(frame).value(), bundle);
  for (std::size_t size = 0; size < frame.size(); ++size) EXPECT_FALSE(decompress_bundle(frame.substr(0, size)));
  EXPECT_FALSE(decompress_bundle("not a frame at all"));
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

}  // namespace
}  // namespace holdfast::evidence
