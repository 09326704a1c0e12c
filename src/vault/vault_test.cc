#include "vault/vault.h"

#include <gmock/gmock.h>

#include <map>
#include <set>
#include <thread>

#include "base/hash.h"
#include "vault/items.h"
#include "vault/testing.h"

namespace holdfast::vault {
namespace {

using ::testing::ElementsAre;
using enum AppendOutcome;

const Hash kRequest = sha256("PUT …");

std::vector<Row> numbered(int from, int to, std::string_view value = "v") {
  std::vector<Row> out;
  for (int i = from; i < to; ++i) out.push_back({std::to_string(i), record_of({{1, Bytes(value)}, {2, "x"}})});
  return out;
}

TEST_F(VaultTest, KnowsASubjectOnlyOnceItWasMade) {
  EXPECT_EQ(vault->open("ada").error().slug, "vault.subject.unknown");
  const Subject made = subject("ada");
  const auto again = vault->open("ada");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->pseudonym(), made.pseudonym());
  EXPECT_EQ(made.locker(), vault->locker_of("ada"));
  EXPECT_NE(subject("bob").pseudonym(), made.pseudonym());
  EXPECT_EQ(vault->open("").error().slug, "vault.subject.id");
  EXPECT_EQ(vault->open_or_create(std::string(513, 'x')).error().slug, "vault.subject.id");
}

TEST_F(VaultTest, IsTheSameAfterARestart) {
  ASSERT_TRUE(put("ada", record_of({{1, "Ada"}})));
  const Pseudonym before = subject("ada").pseudonym();
  const Key256 secret = vault->derive_secret("tokens");
  restart();
  EXPECT_EQ(vault->open("ada")->pseudonym(), before);
  EXPECT_EQ(read("ada")->record, record_of({{1, "Ada"}}));
  EXPECT_EQ(vault->derive_secret("tokens").view(), secret.view());
  EXPECT_NE(vault->derive_secret("other").view(), secret.view());
}

TEST_F(VaultTest, MakesManySubjectsAtOneSync) {
  ASSERT_TRUE(put("b", record_of({{1, "B"}})));
  const std::uint64_t before = faults.writes();
  const std::string_view ids[] = {"a", "b", "", "a", "c"};
  const auto made = vault->open_or_create(ids);
  EXPECT_EQ(faults.writes(), before + 1);
  ASSERT_EQ(made.size(), 5u);
  EXPECT_EQ(made[0]->pseudonym(), made[3]->pseudonym());
  EXPECT_EQ(made[1]->pseudonym(), vault->open("b")->pseudonym());
  EXPECT_EQ(made[2].error().slug, "vault.subject.id");
  EXPECT_EQ(made[4]->pseudonym(), vault->open("c")->pseudonym());
}

TEST_F(VaultTest, RefusesRecordsWithoutTheirKeys) {
  ASSERT_TRUE(put("ada", record_of({{1, "Ada"}})));
  ASSERT_TRUE(store->remove(storage::Shelf::keys, LockerId{}));
  EXPECT_EQ(Vault::create(*store, *roots, clock).error().slug, "vault.keys.missing");
}

TEST_F(VaultTest, RefusesAnotherRootKey) {
  const auto other = FileRootKeys::create(folder.file("other.keys"));
  EXPECT_EQ(Vault::create(*store, **other, clock).error().slug, "vault.root_key.missing");
}

TEST_F(VaultTest, PutsWithVersions) {
  EXPECT_EQ(read("ada").error().slug, "vault.subject.unknown");
  const Record one = record_of({{1, "one"}}), two = record_of({{1, "two"}});
  EXPECT_EQ(put("ada", one, Expect::at(1)).error().slug, "vault.record.version");
  const auto created = put("ada", one, Expect::absent());
  ASSERT_TRUE(created);
  EXPECT_EQ(created->kind, PutOutcome::Kind::created);
  EXPECT_EQ(put("ada", two, Expect::absent()).error().code, Code::conflict);

  const auto same = put("ada", one);
  EXPECT_EQ(same->kind, PutOutcome::Kind::unchanged);
  EXPECT_EQ(same->version, created->version);
  const auto replaced = put("ada", two, Expect::at(created->version));
  EXPECT_EQ(replaced->kind, PutOutcome::Kind::replaced);
  EXPECT_GT(replaced->version, created->version);
  EXPECT_EQ(put("ada", one, Expect::at(created->version)).error().code, Code::conflict);
  EXPECT_EQ(read("ada")->record, two);
  EXPECT_EQ(read("ada")->version, replaced->version);
  EXPECT_EQ(read("ada", 99).error().slug, "vault.record.unknown");
}

TEST_F(VaultTest, WritesNothingBeforeCommit) {
  Draft pending = draft("ada");
  ASSERT_TRUE(vault->put(pending, long_kept(kProfile), record_of({{1, "Ada"}})));
  ASSERT_TRUE(vault->append(pending, long_kept(kViews), numbered(0, 3)));
  EXPECT_EQ(read("ada").error().code, Code::not_found);
  EXPECT_TRUE(rows("ada")->empty());
  const std::uint64_t before = faults.writes();
  ASSERT_TRUE(vault->commit(std::move(pending)));
  EXPECT_EQ(faults.writes(), before + 1);
  EXPECT_TRUE(read("ada"));
  EXPECT_EQ(rows("ada")->size(), 3u);
}

TEST_F(VaultTest, ADraftSeesItsOwnChanges) {
  Draft pending = draft("ada");
  ASSERT_TRUE(vault->put(pending, long_kept(kProfile), record_of({{1, "one"}})));
  const auto second = vault->put(pending, long_kept(kProfile), record_of({{1, "two"}}));
  EXPECT_EQ(second->kind, PutOutcome::Kind::replaced);
  EXPECT_THAT(*vault->append(pending, long_kept(kViews), numbered(0, 1000)), ::testing::Each(appended));
  EXPECT_THAT(*vault->append(pending, long_kept(kViews), numbered(998, 1002)),
              ElementsAre(unchanged, unchanged, appended, appended));
  EXPECT_THAT(*vault->append(pending, long_kept(kViews), numbered(3, 5, "other")), ElementsAre(exists, exists));
  ASSERT_TRUE(vault->commit(std::move(pending)));
  EXPECT_EQ(read("ada")->record, record_of({{1, "two"}}));
  EXPECT_EQ(read("ada")->version, second->version);
  EXPECT_EQ(rows("ada")->size(), 1002u);
}

TEST_F(VaultTest, TheSecondOfTwoDraftsIsStale) {
  Draft first = draft("ada"), second = draft("ada");
  ASSERT_TRUE(vault->put(first, long_kept(kProfile), record_of({{1, "first"}})));
  ASSERT_TRUE(vault->append(second, long_kept(kViews), numbered(0, 1)));
  std::vector<Draft> both;
  both.push_back(std::move(first));
  both.push_back(std::move(second));
  const auto outcomes = vault->commit(std::move(both));
  EXPECT_TRUE(outcomes[0]);
  EXPECT_EQ(outcomes[1].error().slug, "vault.draft.stale");
  EXPECT_TRUE(rows("ada")->empty());
}

TEST_F(VaultTest, AFailedCommitSaysSo) {
  Draft pending = draft("ada");
  ASSERT_TRUE(vault->put(pending, long_kept(kProfile), record_of({{1, "Ada"}})));
  faults.fail_write(1);
  EXPECT_EQ(vault->commit(std::move(pending)).error().code, Code::unavailable);
  restart();
  EXPECT_EQ(read("ada").error().code, Code::not_found);
}

TEST_F(VaultTest, RefusesRowsThatAreNone) {
  Draft pending = draft("ada");
  const std::vector<Row> unnamed = {{"1", {}}, {"", {}}};
  EXPECT_EQ(vault->append(pending, long_kept(kViews), unnamed).error().slug, "vault.row.key");
  EXPECT_EQ(vault->append(pending, long_kept(kViews), unnamed).error().where, "row 1");
  const std::vector<Row> long_key = {{Bytes(513, 'k'), {}}};
  EXPECT_EQ(vault->append(pending, long_kept(kViews), long_key).error().slug, "vault.row.key");
  const std::vector<Row> large = {{"1", record_of({{1, Bytes(kRecordBytesMax, 'x')}})}};
  EXPECT_EQ(vault->append(pending, long_kept(kViews), large).error().slug, "vault.record.large");
  EXPECT_EQ(vault->put(pending, long_kept(kProfile), large.front().record).error().slug, "vault.record.large");
  EXPECT_TRUE(vault->append(pending, long_kept(kViews), {})->empty());
  EXPECT_TRUE(pending.empty());
}

TEST_F(VaultTest, TakesTheLargestRecord) {
  const Record large = record_of({{1, Bytes(kRecordBytesMax - 16, 'x')}});
  ASSERT_TRUE(put("ada", large));
  ASSERT_TRUE(append("ada", {{"1", large}, {"2", large}, {"3", large}}));
  EXPECT_EQ(read("ada")->record, large);
  EXPECT_EQ(rows("ada")->back().record, large);
}

// Against a map that does the same, with restarts and keys in every order.
TEST_F(VaultTest, AppendsLikeAMapThatKeepsTheFirst) {
  std::mt19937_64 random(printed_seed());
  std::map<Bytes, Record> model;
  std::vector<Bytes> order;
  for (int round = 0; round < 120; ++round) {
    std::vector<Row> batch;
    const bool ascending = random() % 2 == 0;
    for (std::uint64_t i = random() % 60; i > 0; --i) {
      const std::uint64_t number = ascending ? model.size() * 20 + batch.size() : random() % 4000;
      batch.push_back(
          {std::to_string(number), record_of({{static_cast<FieldTag>(1 + random() % 2), Bytes(random() % 30, 'a')}})});
    }
    const auto outcomes = append("ada", batch);
    ASSERT_TRUE(outcomes) << outcomes.error().text();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto [at, fresh] = model.emplace(batch[i].key, batch[i].record);
      ASSERT_EQ((*outcomes)[i], fresh                           ? appended
                                : at->second == batch[i].record ? unchanged
                                                                : exists)
          << "round " << round << ", row " << i;
      if (fresh) order.push_back(batch[i].key);
    }
    if (round % 40 == 0) restart();
  }
  const auto stored = rows("ada");
  ASSERT_TRUE(stored);
  ASSERT_EQ(stored->size(), order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    ASSERT_EQ((*stored)[i].key, order[i]) << "in the order of deposit";
    ASSERT_EQ((*stored)[i].record, model.at(order[i]));
  }
}

TEST_F(VaultTest, ReadersMayStopEarly) {
  ASSERT_TRUE(append("ada", numbered(0, 1000)));
  int seen = 0;
  ASSERT_TRUE(vault->read_rows(*vault->open("ada"), long_kept(kViews), [&](const StoredRow&) { return ++seen < 7; }));
  EXPECT_EQ(seen, 7);
}

TEST_F(VaultTest, ReadsAllThatIsHeldOnOneSubject) {
  ASSERT_TRUE(put("ada", record_of({{1, "Ada"}})));
  ASSERT_TRUE(put("ada", record_of({{1, "settings"}}), Expect::anything(), 5));
  ASSERT_TRUE(append("ada", numbered(0, 500)));
  ASSERT_TRUE(append("ada", numbered(0, 3), 0xffffffff));
  ASSERT_TRUE(append("ada", numbered(0, 2), 0));
  ASSERT_TRUE(put("bob", record_of({{1, "Bob"}})));
  std::map<CollectionId, int> records, counts;
  ASSERT_TRUE(vault->read_all(
      *vault->open("ada"), [&](CollectionId id, const StoredRecord&) { return ++records[id] > 0; },
      [&](CollectionId id, const StoredRow&) { return ++counts[id] > 0; }));
  EXPECT_EQ(records, (std::map<CollectionId, int>{{kProfile, 1}, {5, 1}}));
  EXPECT_EQ(counts, (std::map<CollectionId, int>{{0, 2}, {kViews, 500}, {0xffffffff, 3}}));
}

TEST_F(VaultTest, GoesThroughAllWhoHaveRecords) {
  ASSERT_TRUE(vault->remember_batch("k", {{}, "answer"}));
  subject("without records");
  std::set<Pseudonym> all, found;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    ASSERT_TRUE(put(id, record_of({{1, id}})));
    all.insert(subject(id).pseudonym());
  }
  for (const std::size_t count : {1u, 2u, 100u}) {
    found.clear();
    for (std::optional<LockerId> after;;) {
      const auto lockers = vault->list(after, count);
      ASSERT_TRUE(lockers) << lockers.error().text();
      if (lockers->empty()) break;
      EXPECT_LE(lockers->size(), count);
      for (const LockerId& locker : *lockers) found.insert(vault->open_locker(locker)->pseudonym());
      after = lockers->back();
    }
    EXPECT_EQ(found, all) << count;
  }
  EXPECT_EQ(vault->open_locker(vault->locker_of("nobody")).error().slug, "vault.subject.unknown");
}

TEST_F(VaultTest, RemembersAnswersWithTheirRecords) {
  Draft pending = draft("ada");
  ASSERT_TRUE(vault->put(pending, long_kept(kProfile), record_of({{1, "Ada"}})));
  ASSERT_TRUE(vault->remember(pending, "app/1", {kRequest, "201"}));
  EXPECT_FALSE(*vault->recall(pending.subject(), "app/1"));
  ASSERT_TRUE(vault->commit(std::move(pending)));
  const auto answer = vault->recall(subject("ada"), "app/1");
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->request, kRequest);
  EXPECT_EQ((*answer)->answer, "201");
  EXPECT_FALSE(*vault->recall(subject("ada"), "app/2"));
  EXPECT_FALSE(*vault->recall(subject("bob"), "app/1"));

  EXPECT_FALSE(*vault->recall_batch("app/1"));
  ASSERT_TRUE(vault->remember_batch("app/1", {kRequest, "{}"}));
  EXPECT_EQ((*vault->recall_batch("app/1"))->answer, "{}");
  EXPECT_EQ(vault->remember_batch("k", {{}, Bytes(kAnswerBytesMax + 1, 'x')}).error().slug, "vault.answer.large");
}

// ---- what somebody with the files can try

TEST_F(VaultTest, NoticesEveryDamagedByte) {
  ASSERT_TRUE(put("ada", record_of({{1, "Ada"}})));
  ASSERT_TRUE(append("ada", {{"1", record_of({{1, "a"}})}}));
  const LockerId locker = vault->locker_of("ada");
  for (const storage::Item& item : items(locker)) {
    for (std::size_t i = 0; i < item.value.size(); ++i) {
      Bytes damaged = item.value;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      overwrite(locker, item.key, damaged);
      const Error error = item.key[0] == 'r' ? read("ada").error() : rows("ada").error();
      EXPECT_EQ(error.code, Code::corrupt) << "byte " << i;
      EXPECT_NE(error.where.find(to_hex(locker.view())), std::string::npos) << "names the place";
    }
    overwrite(locker, item.key, item.value);
  }
  EXPECT_TRUE(read("ada"));
}

TEST_F(VaultTest, NoticesValuesThatWereMoved) {
  ASSERT_TRUE(put("ada", record_of({{1, "Ada"}})));
  ASSERT_TRUE(put("ada", record_of({{1, "other"}}), Expect::anything(), 5));
  ASSERT_TRUE(put("bob", record_of({{1, "Bob"}})));
  const LockerId ada = vault->locker_of("ada"), bob = vault->locker_of("bob");
  const Bytes profile = record_item(kProfile), other = record_item(5);
  const Bytes adas = **store->get(storage::Shelf::records, ada, profile);

  overwrite(bob, profile, adas);
  EXPECT_EQ(read("bob").error().slug, "vault.sealed.damaged") << "from another subject";
  overwrite(ada, profile, **store->get(storage::Shelf::records, ada, other));
  EXPECT_EQ(read("ada").error().slug, "vault.sealed.damaged") << "from another collection";
  Bytes renumbered = adas;
  renumbered[8] = static_cast<char>(renumbered[8] + 1);  // the version's last byte
  overwrite(ada, profile, renumbered);
  EXPECT_EQ(read("ada").error().slug, "vault.sealed.damaged") << "from another version";
  EXPECT_EQ(put("ada", record_of({{1, "new"}})).error().code, Code::corrupt) << "and is not written over";
}

TEST_F(VaultTest, NoticesKeysThatWereMoved) {
  ASSERT_TRUE(put("ada", record_of({{1, "Ada"}})));
  ASSERT_TRUE(put("bob", record_of({{1, "Bob"}})));
  const auto adas = items(vault->locker_of("ada"), storage::Shelf::keys);
  overwrite(vault->locker_of("bob"), "key", adas.front().value, storage::Shelf::keys);
  EXPECT_EQ(vault->open("bob").error().slug, "vault.wrapped.damaged");
  overwrite(vault->locker_of("bob"), "key", "short", storage::Shelf::keys);
  EXPECT_EQ(vault->open("bob").error().code, Code::corrupt);
}

TEST_F(VaultTest, NoticesChunksThatAreMissingOrStandTwice) {
  ASSERT_TRUE(append("ada", numbered(0, 2000)));
  const LockerId ada = vault->locker_of("ada");
  const auto chunks = items(ada);
  ASSERT_GT(chunks.size(), 4u);
  const storage::LockerChange without{storage::Shelf::records, ada, storage::kAnyVersion, {}, {chunks[1].key}};
  ASSERT_TRUE(store->apply({&without, 1}).front());
  EXPECT_EQ(rows("ada").error().slug, "vault.chunk.gap");
  overwrite(ada, chunks[1].key, chunks[2].value);
  EXPECT_EQ(rows("ada").error().slug, "vault.chunk.misplaced");
  overwrite(ada, chunks[1].key, chunks[1].value);
  overwrite(ada, chunks.back().key, chunks[2].value);
  EXPECT_EQ(rows("ada").error().slug, "vault.chunk.gap") << "an old chunk as the one that takes rows";
}

TEST_F(VaultTest, KeepsNothingReadable) {
  ASSERT_TRUE(put("ada@example.org", record_of({{1, "Lovelace-in-the-clear"}})));
  ASSERT_TRUE(append("ada@example.org", {{"view-in-the-clear", record_of({{1, "Lovelace-in-the-clear"}})}}));
  ASSERT_TRUE(vault->remember_batch("key-in-the-clear", {{}, "answer-in-the-clear"}));
  for (const storage::Shelf shelf : {storage::Shelf::records, storage::Shelf::keys}) {
    const auto lockers = store->list(shelf, std::nullopt, 100);
    ASSERT_FALSE(lockers->empty());
    for (const LockerId& locker : *lockers) {
      for (const storage::Item& item : items(locker, shelf)) {
        EXPECT_EQ((item.key + item.value).find("in-the-clear"), std::string::npos);
        EXPECT_EQ((item.key + item.value).find("ada@"), std::string::npos);
      }
    }
  }
}

// ---- at once

TEST_F(VaultTest, LosesNoRowWhenManyWrite) {
  constexpr int kThreads = 4, kEach = 50;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t] {
        for (int i = 0; i < kEach;) {
          const auto outcome = append("ada", {{std::to_string(t) + "-" + std::to_string(i), record_of({{1, "x"}})}});
          if (outcome) {
            ++i;
          } else {
            ASSERT_EQ(outcome.error().slug, "vault.draft.stale");
          }
        }
      });
    }
  }
  EXPECT_EQ(rows("ada")->size(), std::size_t{kThreads} * kEach);
}

TEST_F(VaultTest, AllWhoMakeASubjectGetTheSame) {
  std::vector<std::optional<Pseudonym>> got(8);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : got) threads.emplace_back([&] { mine = subject("ada").pseudonym(); });
  }
  for (const auto& one : got) EXPECT_EQ(one, got.front());
  EXPECT_EQ(vault->open("ada")->pseudonym(), *got.front());
}

}  // namespace
}  // namespace holdfast::vault
