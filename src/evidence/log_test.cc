#include "evidence/log_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "evidence/compress.h"

namespace holdfast::evidence {
namespace {

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

/// What came back, call by call.
struct Core final : Returns {
  void take_back(Append* chain) override {
    std::vector<Append*> call;
    for (; chain; chain = chain->next) call.push_back(chain);
    calls.push_back(std::move(call));
    returned.count_down();
  }
  std::vector<std::vector<Append*>> calls;
  std::latch returned{1};
};

TEST(LogAppend, AChainComesBackInOneCallInItsOrderEachWithItsResult) {
  Bench bench;
  ASSERT_TRUE(bench.open());
  std::array<Append, 3> appends;
  for (std::size_t i = 0; i < appends.size(); ++i) {
    appends[i].entry = entry_by(i == 1 ? "nobody" : "a", i);
    if (i > 0) appends[i - 1].next = &appends[i];
  }
  Core core;
  bench.log->append(appends.data(), core);
  core.returned.wait();
  bench.log.reset();
  EXPECT_THAT(core.calls, testing::ElementsAre(testing::ElementsAre(&appends[0], &appends[1], &appends[2])));
  EXPECT_EQ(appends[0].result->index, 0u);
  EXPECT_EQ(appends[1].result.error().slug, "test.nobody");
  EXPECT_EQ(appends[2].result->index, 1u);
}

TEST(LogAppend, AChainThatFindsNoRoomComesBackAtOnceAndWhole) {
  Bench bench;
  bench.options.queue_entries_max = 1;
  ASSERT_TRUE(bench.open());
  std::array<Append, 2> appends;
  for (Append& append : appends) append.entry = entry_by("a");
  appends[0].next = &appends[1];
  Core core;
  bench.log->append(appends.data(), core);
  EXPECT_THAT(core.calls, testing::ElementsAre(testing::ElementsAre(&appends[0], &appends[1])));
  for (const Append& append : appends) EXPECT_EQ(append.result.error().slug, "evidence.log.busy");
  EXPECT_EQ(bench.log->size(), 0u);
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

TEST(LogAppend, WhatIsStagedWhileTheLastBatchIsWrittenKeepsItsOrder) {
  Bench bench;
  bench.options.second_thread_from = 1;
  bench.options.snapshot_every_entries = 3000;
  ASSERT_TRUE(bench.open());
  constexpr std::size_t chains = 40, each = 500;
  std::vector<std::vector<std::uint64_t>> got(chains);
  std::latch all(chains);
  for (std::size_t c = 0; c < chains; ++c) {
    bench.log->append_many(std::vector<Entry>(each, entry_by("p", c)), [&, c](const auto& results) {
      for (const auto& result : results) got[c].push_back(result ? result->index : ~0ull);
      all.count_down();
    });
  }
  all.wait();
  std::uint64_t next = 0;
  for (const auto& indexes : got) {
    ASSERT_EQ(indexes.size(), each);
    for (const std::uint64_t index : indexes) ASSERT_EQ(index, next++);
  }
  EXPECT_EQ(std::get<BackupTaken>(Entry::decode(bench.log->entry(each * 7).value())->event).size, 7u);
  const auto note = open_checkpoint(bench.log->checkpoint().value(), bench.log->key()).value();
  EXPECT_EQ(note.root, root_from(leaves_of(*bench.log)));
  // Whatever snapshot was stored meanwhile, the rest of the log follows on it without a gap.
  bench.log.reset();
  ASSERT_TRUE(bench.open());
  EXPECT_EQ(bench.witness->count(), chains * each);
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
    EXPECT_TRUE(
        check_consistency(old_size, root_from(std::span(leaves).first(old_size)), 700, root_from(leaves), *proof));
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

}  // namespace
}  // namespace holdfast::evidence
