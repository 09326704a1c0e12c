#include <gmock/gmock.h>

#include <functional>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "storage/rocksdb/file_search.h"
#include "storage/rocksdb/store.h"
#include "vault/testing.h"

namespace holdfast::vault {
namespace {

using namespace std::chrono_literals;
using storage::Shelf;
using ::testing::ElementsAre;

std::vector<Row> numbered(int from, int to) {
  std::vector<Row> out;
  for (int i = from; i < to; ++i) out.push_back({std::to_string(i), record_of({{1, "value"}})});
  return out;
}

class Upkeep : public VaultTest {
 protected:
  /// All pieces of one sweep, committed.
  Sweep sweep(std::vector<Retention> rules, std::size_t lockers = 2) {
    Sweep all;
    all.expired.resize(rules.size());
    std::optional<LockerId> after;
    do {
      auto piece = vault->prepare_sweep(rules, after, lockers);
      EXPECT_TRUE(piece);
      for (std::size_t i = 0; i < rules.size(); ++i) all.expired[i] += piece->expired[i];
      all.expired_answers += piece->expired_answers;
      all.failed.insert(all.failed.end(), piece->failed.begin(), piece->failed.end());
      for (const auto& done : vault->commit(std::move(piece->drafts))) EXPECT_TRUE(done);
      after = piece->next;
    } while (after);
    return all;
  }
};

// ---- retention

TEST_F(Upkeep, SweepsWhatIsOlderThanItsKeep) {
  for (const char* id : {"a", "b", "c", "d", "e"}) ASSERT_TRUE(put(id, record_of({{1, id}})));
  clock.advance(10h);
  ASSERT_TRUE(put("f", record_of({{1, "f"}})));
  ASSERT_TRUE(put("a", record_of({{1, "changed"}})));
  clock.advance(15h);
  const Sweep swept = sweep({{kProfile, 24h}, {kViews, 1h}});
  EXPECT_EQ(swept.expired, (std::vector<std::uint64_t>{4, 0}));
  EXPECT_EQ(read("b").error().slug, "vault.record.unknown");
  EXPECT_TRUE(items(vault->locker_of("b")).empty());
  EXPECT_TRUE(read("a"));
  EXPECT_TRUE(read("f"));
  EXPECT_EQ(sweep({{kProfile, 24h}}).expired[0], 0u);
}

TEST_F(Upkeep, GivesNothingThatIsPastItsKeepBeforeASweepHasRemovedIt) {
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  ASSERT_TRUE(append("a", numbered(0, 3)));
  clock.advance(10h);
  ASSERT_TRUE(append("a", numbered(3, 5)));
  clock.advance(14h);
  const auto seen = [&](std::chrono::hours keep) {
    std::string keys;
    EXPECT_TRUE(vault->read_rows(subject("a"), {kViews, keep}, [&](const StoredRow& row) {
      keys += row.key;
      return true;
    }));
    return keys;
  };
  EXPECT_EQ(seen(25h), "01234");
  EXPECT_EQ(seen(24h), "34") << "as the sweep: what is exactly as old as its keep is past it";
  EXPECT_EQ(seen(14h), "");
  EXPECT_TRUE(vault->read(subject("a"), {kProfile, 25h}));
  EXPECT_EQ(vault->read(subject("a"), {kProfile, 24h}).error().slug, "vault.record.unknown");
  int held = 0;
  ASSERT_TRUE(vault->read_all(
      subject("a"), [&](CollectionId, const StoredRecord&) { return ++held > 0; },
      [&](CollectionId, const StoredRow&) { return ++held > 0; }));
  EXPECT_EQ(held, 6) << "which is still held, and says so";
}

TEST_F(Upkeep, TheSameContentAgainIsKeptAnew) {
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  clock.advance(40h);
  EXPECT_EQ(put("a", record_of({{1, "a"}}))->kind, PutOutcome::Kind::unchanged);
  clock.advance(40h);
  EXPECT_EQ(sweep({{kProfile, 48h}}).expired[0], 0u);
  clock.advance(8h);
  EXPECT_EQ(sweep({{kProfile, 48h}}).expired[0], 1u);
}

TEST_F(Upkeep, TheSameContentIsKeptAnewToAHundredthOfItsKeep) {
  const Retention retention{kProfile, 100h};
  const auto put_again = [&] {
    Draft again = draft("a");
    EXPECT_EQ(vault->put(again, retention, record_of({{1, "a"}}))->kind, PutOutcome::Kind::unchanged);
    EXPECT_TRUE(vault->commit(std::move(again)));
  };
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  clock.advance(59min);
  put_again();
  clock.advance(3min);
  put_again();
  clock.advance(100h - 1min);
  EXPECT_TRUE(vault->read(subject("a"), retention));
  clock.advance(1min);
  EXPECT_FALSE(vault->read(subject("a"), retention));
}

TEST_F(Upkeep, WhatIsPastItsKeepDoesNotStandInTheWayOfADepositBeforeItIsSwept) {
  const Retention retention{kProfile, 24h};
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  const std::uint64_t version = read("a")->version;
  clock.advance(24h);
  Draft again = draft("a");
  const auto outcome = vault->put(again, retention, record_of({{1, "a"}}), Expect::absent());
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, PutOutcome::Kind::created);
  EXPECT_GT(outcome->version, version);
  ASSERT_TRUE(vault->commit(std::move(again)));
  EXPECT_EQ(vault->read(subject("a"), retention)->version, outcome->version);
}

TEST_F(Upkeep, ARowPastItsKeepIsAppendedAnewBeforeItIsSwept) {
  const Retention retention{kViews, 24h};
  const auto append_again = [&](const std::vector<Row>& rows) {
    Draft again = draft("a");
    auto outcomes = vault->append(again, retention, rows);
    EXPECT_TRUE(vault->commit(std::move(again)));
    return *outcomes;
  };
  ASSERT_TRUE(append("a", numbered(0, 2)));
  clock.advance(10h);
  ASSERT_TRUE(append("a", numbered(2, 4)));
  clock.advance(14h);
  EXPECT_THAT(append_again(numbered(0, 4)), ElementsAre(AppendOutcome::appended, AppendOutcome::appended,
                                                        AppendOutcome::unchanged, AppendOutcome::unchanged));
  EXPECT_THAT(append_again(numbered(0, 1)), ElementsAre(AppendOutcome::unchanged)) << "of the two, what is within";
  EXPECT_EQ(sweep({retention}).expired[0], 2u);
  clock.advance(10h);
  std::string keys;
  ASSERT_TRUE(vault->read_rows(subject("a"), retention, [&](const StoredRow& row) {
    keys += row.key;
    return true;
  }));
  EXPECT_EQ(keys, "01") << "kept as long as any other";
}

TEST_F(Upkeep, SweepsRowsOneByOneAndChunksWhole) {
  for (int day = 0; day < 40; ++day) {
    ASSERT_TRUE(append("a", numbered(day * 50, day * 50 + 50)));
    clock.advance(24h);
  }
  const std::size_t before = items(vault->locker_of("a")).size();
  ASSERT_GT(before, 4u);
  // The newest batch is a day old, so a keep of 20 days leaves those of 19 days.
  EXPECT_EQ(sweep({{kViews, 20 * 24h}}).expired[0], 21u * 50);
  EXPECT_LT(items(vault->locker_of("a")).size(), before);
  auto left = rows("a");
  ASSERT_TRUE(left) << left.error().text();
  ASSERT_EQ(left->size(), 19u * 50);
  EXPECT_EQ(left->front().key, std::to_string(21 * 50));
  // It goes on as if nothing had been.
  ASSERT_TRUE(append("a", numbered(1990, 2010)));
  EXPECT_EQ(rows("a")->size(), 19u * 50 + 10);

  clock.advance(30 * 24h);
  EXPECT_EQ(sweep({{kViews, 20 * 24h}}).expired[0], 19u * 50 + 10);
  EXPECT_TRUE(items(vault->locker_of("a")).empty());
  ASSERT_TRUE(append("a", numbered(0, 3)));
  EXPECT_EQ(rows("a")->size(), 3u);
}

TEST_F(Upkeep, AClockThatWentBackHidesNoOldRow) {
  ASSERT_TRUE(append("a", numbered(0, 10)));
  clock.advance(-100h);
  ASSERT_TRUE(append("a", numbered(10, 20)));
  clock.advance(100h + 2h);
  EXPECT_EQ(sweep({{kViews, 1h}}).expired[0], 20u);
}

TEST_F(Upkeep, ForgetsIdempotencyKeysAfterADay) {
  Draft pending = draft("a");
  ASSERT_TRUE(vault->remember(pending, "k", {sha256("r"), "answer"}));
  ASSERT_TRUE(vault->commit(std::move(pending)));
  ASSERT_TRUE(vault->remember_batch("k", {sha256("r"), "answer"}));
  clock.advance(24h - 1ms);
  EXPECT_EQ(sweep({}).expired_answers, 0u);
  clock.advance(1ms);
  EXPECT_EQ(sweep({}).expired_answers, 2u);
  EXPECT_FALSE(*vault->recall(subject("a"), "k"));
  EXPECT_FALSE(*vault->recall_batch("k"));
}

TEST_F(Upkeep, ASweepYieldsToAWriter) {
  ASSERT_TRUE(append("a", numbered(0, 10)));
  clock.advance(2h);
  const std::vector<Retention> rules = {{kViews, 1h}};
  auto piece = vault->prepare_sweep(rules, std::nullopt, 100);
  ASSERT_EQ(piece->drafts.size(), 1u);
  ASSERT_TRUE(append("a", numbered(10, 20)));
  EXPECT_EQ(vault->commit(std::move(piece->drafts)).front().error().slug, "vault.draft.stale");
  EXPECT_EQ(rows("a")->size(), 20u);
  EXPECT_EQ(sweep(rules).expired[0], 10u);
}

TEST_F(Upkeep, ASweepGoesOnPastADamagedLocker) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(append(id, numbered(0, 5)));
  overwrite(vault->locker_of("b"), items(vault->locker_of("b")).front().key, "rubbish");
  clock.advance(2h);
  const Sweep swept = sweep({{kViews, 1h}});
  EXPECT_EQ(swept.expired[0], 10u);
  ASSERT_EQ(swept.failed.size(), 1u);
  EXPECT_EQ(swept.failed[0].code, Code::corrupt);
}

// ---- erasure

TEST_F(Upkeep, ErasesAndStartsAnew) {
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  ASSERT_TRUE(append("a", numbered(0, 500)));
  ASSERT_TRUE(put("b", record_of({{1, "b"}})));
  const Pseudonym before = subject("a").pseudonym();
  const auto erasure = vault->begin_erasure(subject("a"));
  ASSERT_TRUE(erasure);
  EXPECT_EQ(erasure->pseudonym, before);
  EXPECT_TRUE(read("a")) << "begun is not done";
  EXPECT_EQ(vault->open_or_create("a").error().slug, "vault.subject.erasing");
  ASSERT_TRUE(vault->finish_erasures({&*erasure, 1}));

  EXPECT_EQ(vault->open("a").error().slug, "vault.subject.unknown");
  EXPECT_TRUE(items(vault->locker_of("a")).empty());
  EXPECT_TRUE(items(vault->locker_of("a"), Shelf::keys).empty());
  EXPECT_TRUE(vault->unfinished_erasures()->empty());
  EXPECT_TRUE(read("b"));
  EXPECT_NE(subject("a").pseudonym(), before);
  EXPECT_TRUE(put("a", record_of({{1, "back"}}), Expect::absent()));
  EXPECT_TRUE(append("a", numbered(0, 3)));
}

TEST_F(Upkeep, KnowsTheRequestsOfAnErasedSubjectForAsLongAsItWouldHave) {
  Draft first = draft("a");
  ASSERT_TRUE(vault->put(first, long_kept(kProfile), record_of({{1, "a"}})));
  ASSERT_TRUE(vault->remember(first, "app\nk1", {sha256("request"), "answer"}));
  ASSERT_TRUE(vault->commit(std::move(first)));
  ASSERT_TRUE(put("b", record_of({{1, "b"}})));
  EXPECT_FALSE(*vault->answer_erased("a", "app\nk1"));
  const auto erasure = vault->begin_erasure(subject("a"));
  ASSERT_TRUE(vault->finish_erasures({&*erasure, 1}));
  for (const bool again : {false, true}) {
    if (again) restart();
    EXPECT_TRUE(*vault->answer_erased("a", "app\nk1"));
    EXPECT_FALSE(*vault->answer_erased("a", "app\nk2"));
    EXPECT_FALSE(*vault->answer_erased("b", "app\nk1")) << "the key is another subject's too";
  }
  clock.advance(kIdempotencyKept + 1s);
  sweep({});
  EXPECT_FALSE(*vault->answer_erased("a", "app\nk1"));
}

TEST_F(Upkeep, KnowsWhetherAnErasureCameAfterABatchBegan) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(put(id, record_of({{1, id}})));
  const auto erase = [&](const char* id) {
    const auto erasure = vault->begin_erasure(subject(id));
    ASSERT_TRUE(vault->finish_erasures({&*erasure, 1}));
  };
  const LockerId a = vault->locker_of("a"), b = vault->locker_of("b"), c = vault->locker_of("c");
  erase("a");
  const std::uint64_t begun = *vault->begin_batch("app\nimport\n1");
  EXPECT_EQ(begun, vault->erasures());
  erase("b");
  for (const bool again : {false, true}) {
    if (again) restart();
    EXPECT_GT(vault->erasures(), begun);
    EXPECT_EQ(*vault->begin_batch("app\nimport\n1"), begun) << "when it came first";
    EXPECT_EQ(*vault->begin_batch("app\nimport\n" + std::to_string(2 + again)), vault->erasures());
    EXPECT_LE(vault->last_erasure(a)->value(), begun);
    EXPECT_GT(vault->last_erasure(b)->value(), begun);
    EXPECT_EQ(*vault->last_erasure(c), std::nullopt);
  }
  const std::uint64_t erasures = vault->erasures();
  clock.advance(kIdempotencyKept + 1s);
  sweep({});
  EXPECT_EQ(*vault->last_erasure(b), std::nullopt) << "as long ago as no key is remembered";
  restart();
  EXPECT_EQ(vault->erasures(), erasures) << "never counted anew";
}

TEST_F(Upkeep, NotesTheErasureOfSomebodyWhoIsNotThere) {
  const LockerId nobody = vault->locker_of("nobody");
  const std::uint64_t begun = *vault->begin_batch("app\nimport\n1");
  ASSERT_TRUE(vault->note_erasure(nobody));
  EXPECT_EQ(vault->open("nobody").error().slug, "vault.subject.unknown");
  restart();
  EXPECT_GT(vault->last_erasure(nobody)->value(), begun);
  EXPECT_EQ(vault->last_erasure(nobody)->value(), vault->erasures());
  EXPECT_TRUE(put("nobody", record_of({{1, "anew"}}))) << "which stands in no later deposit's way";
}

TEST_F(Upkeep, FinishesAnErasureAfterACrashAtEveryWrite) {
  for (std::uint64_t nth = 1; nth < 12; ++nth) {
    for (const auto mode : {storage::MemoryFaults::Mode::before, storage::MemoryFaults::Mode::after}) {
      const std::string id = "s" + std::to_string(nth) + (mode == storage::MemoryFaults::Mode::after ? "a" : "b");
      ASSERT_TRUE(put(id, record_of({{1, "a"}})));
      const Pseudonym before = subject(id).pseudonym();
      faults.fail_write(nth, mode, 1000);
      auto erasure = vault->begin_erasure(subject(id));
      const bool begun = erasure.has_value();
      const bool done = begun && vault->finish_erasures({&*erasure, 1}).has_value();
      faults.crash();
      faults.fail_write(1, mode, 0);
      restart();
      const auto left = vault->unfinished_erasures();
      ASSERT_TRUE(left);
      if (done) {
        EXPECT_TRUE(left->empty());
      } else if (!begun) {
        EXPECT_TRUE(read(id)) << "not begun: not acknowledged, and nothing is lost";
        continue;
      }
      for (const Erasure& one : *left) EXPECT_EQ(one.pseudonym, before);
      ASSERT_TRUE(vault->finish_erasures(*left));
      EXPECT_EQ(vault->open(id).error().slug, "vault.subject.unknown") << "write " << nth;
      EXPECT_TRUE(vault->unfinished_erasures()->empty());
      EXPECT_TRUE(items(vault->locker_of(id)).empty());
    }
  }
}

TEST_F(Upkeep, NothingIsTakenWhileItIsNotKnownWhetherAnErasureBegan) {
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  faults.fail_write(1, storage::MemoryFaults::Mode::after);
  EXPECT_FALSE(vault->begin_erasure(subject("a")));
  EXPECT_EQ(put("a", record_of({{1, "later"}})).error().slug, "vault.subject.erasing");
  restart();  // the todo was written, if not acknowledged: what was put since would go with it
  const auto left = vault->unfinished_erasures();
  ASSERT_TRUE(left);
  ASSERT_EQ(left->size(), 1u);
  ASSERT_TRUE(vault->finish_erasures(*left));
  EXPECT_TRUE(put("a", record_of({{1, "anew"}}), Expect::absent()));
}

TEST_F(Upkeep, AWriterWithAnErasedKeyWritesNothing) {
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  ASSERT_TRUE(subject("fresh").locker() == vault->locker_of("fresh"));
  for (const char* id : {"a", "fresh"}) {
    Draft during = draft(id), late = draft(id);
    ASSERT_TRUE(vault->put(during, long_kept(kProfile), record_of({{1, "during"}})));
    ASSERT_TRUE(vault->put(late, long_kept(kProfile), record_of({{1, "late"}})));
    Subject held = subject(id);
    const Subject old = subject(id);
    const auto erasure = vault->begin_erasure(subject(id));
    EXPECT_EQ(vault->commit(std::move(during)).error().slug, "vault.subject.erasing");
    ASSERT_TRUE(vault->finish_erasures({&*erasure, 1}));
    EXPECT_EQ(vault->commit(std::move(late)).error().slug, "vault.draft.stale");
    Draft later = std::move(*vault->begin(std::move(held)));
    ASSERT_TRUE(vault->put(later, long_kept(kProfile), record_of({{1, "later"}})));
    EXPECT_EQ(vault->commit(std::move(later)).error().slug, "vault.draft.stale");
    EXPECT_TRUE(items(vault->locker_of(id)).empty());
    ASSERT_TRUE(put(id, record_of({{1, "back"}})));
    EXPECT_TRUE(read(id));
    EXPECT_EQ(vault->read(old, long_kept(kProfile)).error().slug, "vault.subject.erased")
        << "not damaged: another's by now";
  }
}

TEST_F(Upkeep, AnErasedSubjectIsNotErasedTwice) {
  const Subject held = subject("a");
  const auto erasure = vault->begin_erasure(held);
  ASSERT_TRUE(vault->finish_erasures({&*erasure, 1}));
  EXPECT_EQ(vault->begin_erasure(held).error().code, Code::not_found);
  ASSERT_TRUE(put("a", record_of({{1, "back"}})));
  EXPECT_EQ(vault->begin_erasure(held).error().code, Code::not_found) << "this is another key";
  EXPECT_TRUE(read("a"));
}

TEST_F(Upkeep, WritersAndErasersAtOnceLeaveNothingUnreadable) {
  std::atomic<bool> stop = false;
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 3; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; !stop; ++i) {
          const auto done = append("a", {{std::to_string(t) + "-" + std::to_string(i), record_of({{1, "x"}})}});
          ASSERT_TRUE(done || done.error().code != Code::corrupt) << done.error().text();
        }
      });
    }
    for (int i = 0; i < 200; ++i) {
      const auto now = vault->open("a");
      if (!now) continue;
      const auto erasure = vault->begin_erasure(*now);
      ASSERT_TRUE(erasure && vault->finish_erasures({&*erasure, 1}));
    }
    stop = true;
  }
  ASSERT_TRUE(append("a", {{"last", record_of({{1, "x"}})}}));
  EXPECT_TRUE(rows("a"));
}

// ---- rotation

/// Root keys under which something else happens right before the next unwrapping.
class Interrupted final : public RootKeys {
 public:
  explicit Interrupted(RootKeys& roots) : roots_(roots) {}
  mutable std::function<void()> before_unwrap;

  std::vector<RootKeyId> ids() const override { return roots_.ids(); }
  Result<Bytes> wrap(ByteView secret, ByteView context) const override { return roots_.wrap(secret, context); }
  Result<Bytes> unwrap(ByteView wrapped, ByteView context) const override {
    if (before_unwrap) std::exchange(before_unwrap, nullptr)();
    return roots_.unwrap(wrapped, context);
  }
  Result<void> add_new() override { return roots_.add_new(); }
  Result<void> drop_old() override { return roots_.drop_old(); }

 private:
  RootKeys& roots_;
};

TEST_F(Upkeep, ASubjectIsOpenedThoughARotationEndsMeanwhile) {
  ASSERT_TRUE(put("a", record_of({{1, "a"}})));
  Interrupted interrupted(*roots);
  vault = std::move(*Vault::create(*store, interrupted, clock));  // which keeps no key yet
  interrupted.before_unwrap = [&] { ASSERT_TRUE(vault->rotate_root_key()); };
  const auto found = read("a");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_FALSE(interrupted.before_unwrap);
  vault.reset();
}

TEST_F(Upkeep, RotatesTheRootKeyWithoutTouchingRecords) {
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(put("s" + std::to_string(i), record_of({{1, std::to_string(i)}})));
  const Key256 secret = vault->derive_secret("tokens");
  const RootKeyId before = roots->ids().front();
  const auto records = items(vault->locker_of("s7"));
  const auto done = vault->rotate_root_key();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->keys, 601u);
  EXPECT_EQ(done->from, before);
  EXPECT_NE(done->to, before);
  EXPECT_EQ(roots->ids(), std::vector{done->to});
  EXPECT_EQ(items(vault->locker_of("s7")).front().value, records.front().value);
  roots = std::move(*FileRootKeys::load(folder.file("root.keys")));
  restart();
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(read("s" + std::to_string(i)));
  EXPECT_EQ(vault->derive_secret("tokens").view(), secret.view());
}

TEST_F(Upkeep, AnInterruptedRotationGoesOn) {
  for (int i = 0; i < 600; ++i) subject("s" + std::to_string(i));
  faults.fail_write(2);
  EXPECT_EQ(vault->rotate_root_key().error().code, Code::unavailable);
  const auto both = roots->ids();
  ASSERT_EQ(both.size(), 2u) << "the old key is still needed";
  restart();
  EXPECT_TRUE(vault->open("s599"));
  faults.fail_write(1);
  EXPECT_EQ(vault->rotate_root_key().error().code, Code::unavailable);
  EXPECT_EQ(roots->ids(), both);
  const auto done = vault->rotate_root_key();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(std::vector({done->from, done->to}), both) << "no third key was made";
  EXPECT_EQ(roots->ids(), std::vector{both.back()});
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(vault->open("s" + std::to_string(i)));
}

TEST_F(Upkeep, ReadersWritersAndErasersGoOnDuringRotations) {
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(put("s" + std::to_string(i), record_of({{1, "x"}})));
  std::atomic<bool> stop = false;
  std::atomic<int> made = 0;
  {
    std::jthread reader([&] {
      for (int i = 0; !stop; ++i) {
        const auto one = read("s" + std::to_string(i % 200));
        ASSERT_TRUE(one) << one.error().text();
      }
    });
    std::jthread writer([&] {
      // No more than rotations keep up with, however the threads are scheduled.
      for (; !stop && made < 3000; ++made) ASSERT_TRUE(put("new" + std::to_string(made), record_of({{1, "x"}})));
    });
    std::jthread eraser([&] {
      for (int i = 200; i < 300 && !stop; ++i) {
        const auto erasure = vault->begin_erasure(*vault->open("s" + std::to_string(i)));
        ASSERT_TRUE(vault->finish_erasures({&*erasure, 1}));
      }
    });
    for (int i = 0; i < 10; ++i) {
      const auto done = vault->rotate_root_key();
      EXPECT_TRUE(done) << done.error().text();
    }
    stop = true;
  }
  EXPECT_EQ(roots->ids().size(), 1u);
  for (int i = 0; i < made; ++i) EXPECT_TRUE(read("new" + std::to_string(i)));
}

// ---- on the real engine: what lies in its files

TEST(UpkeepOnDisk, AnErasedKeyAndItsNameAreInNoFile) {
  TemporaryFolder folder;
  const auto roots = FileRootKeys::create(folder.file("root.keys"));
  auto store = storage::open_rocksdb(folder.file("data"));
  ASSERT_TRUE(store) << store.error().text();
  ManualClock clock;
  auto vault = Vault::create(**store, **roots, clock);
  ASSERT_TRUE(vault);
  const Record record = record_of({{1, "a long enough value in the clear"}});
  std::vector<Bytes> gone;  // what must not be found after, and is before
  for (const char* id : {"ada", "bob"}) {
    auto draft = vault->get()->begin(std::move(*(*vault)->open_or_create(id)));
    ASSERT_TRUE((*vault)->put(*draft, {1, 24h}, record));
    ASSERT_TRUE((*vault)->commit(std::move(*draft)));
  }
  const LockerId ada = (*vault)->locker_of("ada");
  gone.push_back(**(*store)->get(Shelf::keys, ada, "key"));
  const auto subject = (*vault)->open("ada");
  const auto erasure = (*vault)->begin_erasure(*subject);
  gone.emplace_back(erasure->pseudonym.view());
  const storage::FileSearch clear({record.values[0].value, "a long enough value"});
  EXPECT_EQ(*clear.first_hit(folder.file("data")), std::nullopt) << "never in the clear";
  for (const Bytes& one : gone) EXPECT_TRUE(*storage::FileSearch({one}).first_hit(folder.file("data")));

  ASSERT_TRUE((*vault)->finish_erasures({&*erasure, 1}));
  for (const Bytes& one : gone) {
    const auto hit = storage::FileSearch({one}).first_hit(folder.file("data"));
    EXPECT_FALSE(*hit) << **hit;
  }
  EXPECT_FALSE((*vault)->open("ada"));
  vault->reset();
  store->reset();
  for (const Bytes& one : gone) EXPECT_FALSE(*storage::FileSearch({one}).first_hit(folder.file("data")));
  store = storage::open_rocksdb(folder.file("data"));
  vault = Vault::create(**store, **roots, clock);
  EXPECT_TRUE((*vault)->read(*(*vault)->open("bob"), {1, 24h}));
}

}  // namespace
}  // namespace holdfast::vault
