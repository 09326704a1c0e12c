// What is missing of a store's parts though all their files are there, and what a repair drops.
#include "storage/rocksdb/parts.h"

#include "storage/disk.h"
#include "storage/rocksdb/killed_test.h"

namespace holdfast::storage {
namespace {

std::filesystem::path log_of(const std::string& part) {
  const auto logs = files(part, ".log");
  EXPECT_EQ(logs.size(), 1u);
  return logs.front();
}

/// Zeros in the place of what was written from a part of its bytes on, as if nothing had been.
void forget(const std::filesystem::path& log, double from) {
  std::string bytes = slurp(log);
  const std::size_t end = bytes.find_last_not_of('\0') + 1;
  const auto begin = static_cast<std::size_t>(static_cast<double>(end) * from);
  std::ofstream(log, std::ios::binary) << bytes.replace(begin, end - begin, end - begin, '\0');
}

TEST(Parts, what_a_log_of_zeros_has_lost_is_missed_if_evidence_followed_it) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 40);
  for (const auto& part : parts_in(scratch / "store")) {
    for (const double from : {0.0, 0.5, 0.9}) {
      std::filesystem::remove_all(scratch / "copy");
      std::filesystem::copy(scratch / "store", scratch / "copy", std::filesystem::copy_options::recursive);
      const std::string copy = scratch / "copy" + part.substr((scratch / "store").size());
      forget(log_of(copy), from);
      for (const bool read_only : {true, false, false}) {
        const auto opened = open_rocksdb(scratch / "copy", {.read_only = read_only});
        ASSERT_TRUE(fails(opened, Code::corrupt, "storage.changes.lost")) << copy << " " << from;
        EXPECT_EQ(opened.error().where, copy);
        EXPECT_TRUE(is_mendable(opened.error()));
      }
      ASSERT_EQ(losses_of(scratch / "copy")->size(), 1u);
      EXPECT_EQ(losses_of(scratch / "copy")->front().where, copy);
      EXPECT_EQ(*must_open(scratch / "copy", {.drop_damaged_tail = true})->get(Shelf::keys, locker(999), "k"),
                std::nullopt);
      must_open(scratch / "copy").reset();
    }
  }
  EXPECT_TRUE(losses_of(scratch / "store")->empty());
}

TEST(Parts, what_a_journal_of_zeros_has_lost_is_missed_if_its_lease_was_written_after_it) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    const auto lease = store->acquire("log", "me", std::chrono::hours(1));
    for (std::uint64_t n = 0; n < 20; ++n) ASSERT_TRUE(store->append("log", n, 1, value_of(n), *lease));
    ASSERT_TRUE(store->release("log", *lease));
  }
  const std::string journals = scratch / "store/log/journals", journal = journals + "/" + files_of(journals).at(0);
  forget(journal, 0.5);
  for (const bool read_only : {true, false, false}) {
    const auto opened = open_rocksdb(scratch / "store", {.read_only = read_only});
    ASSERT_TRUE(fails(opened, Code::corrupt, "storage.changes.lost"));
    EXPECT_EQ(opened.error().where, journals + "/log.*");
    EXPECT_TRUE(is_mendable(opened.error()));
  }
  ASSERT_EQ(losses_of(scratch / "store")->size(), 1u);
  EXPECT_EQ(losses_of(scratch / "store")->front().what, "entries from 10 to 20, which are gone already");
  must_open(scratch / "store", {.drop_damaged_tail = true}).reset();
  EXPECT_EQ(*must_open(scratch / "store")->end("log"), 10u);
}

TEST(Parts, changes_count_what_is_on_disk_before_and_after_a_start) {
  const Scratch scratch;
  std::uint64_t known = 0;
  for (int round = 0; round < 3; ++round) {
    auto parts = open_parts(scratch / "store", {});
    ASSERT_TRUE(parts) << parts.error().text();
    EXPECT_EQ(parts->log->changes(), known);
    rocksdb::WriteBatch batch;
    batch.Put("a", "1");
    batch.Delete("b");
    ASSERT_TRUE(parts->log->write(batch));
    known += 2;
    EXPECT_EQ(parts->log->changes(), known);
    EXPECT_EQ(parts->log->db().GetLatestSequenceNumber(), known) << "as the engine numbers them";
    if (round == 1) {
      ASSERT_TRUE(parts->log->flush());
    }
  }
}

TEST(Parts, all_that_a_repair_drops_is_known_before) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 40);
  const std::string store = scratch / "store", journals = store + "/log/journals";
  const auto of_records = log_of(store + "/records"), of_keys = log_of(store + "/keys");
  const std::string journal = journals + "/" + files_of(journals).at(0);
  for (const std::string& file : {of_records.string(), of_keys.string(), journal}) {
    damage(file, slurp(file).find("value 20"));
  }
  const auto losses = losses_of(store);
  ASSERT_TRUE(losses) << losses.error().text();
  std::vector<std::string> where;
  for (const Loss& loss : *losses) where.push_back(loss.where);
  EXPECT_EQ(where, (std::vector<std::string>{of_records, of_keys, journal}));
  EXPECT_NE(losses->at(0).what.find("behind byte"), std::string::npos) << losses->at(0).what;
  must_open(store, {.drop_damaged_tail = true}).reset();
  EXPECT_TRUE(losses_of(store)->empty());
}

}  // namespace
}  // namespace holdfast::storage
