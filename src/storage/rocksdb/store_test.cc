#include "storage/conformance_test.h"
#include "storage/rocksdb/format.h"
#include "storage/rocksdb/opened_test.h"

namespace holdfast::storage {
namespace {

class RocksEngine final : public Engine {
 public:
  std::unique_ptr<Store> open() override { return must_open(scratch_ / "store", {.clock = &clock}); }

 private:
  Scratch scratch_;
};

INSTANTIATE_TEST_SUITE_P(Rocks, Conformance,
                         testing::Values([]() -> std::unique_ptr<Engine> { return std::make_unique<RocksEngine>(); }));

TEST(Rocks, a_second_opener_is_told_who_is_in_the_way) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  const auto second = open_rocksdb(scratch / "store");
  ASSERT_TRUE(fails(second, Code::unavailable, "storage.busy"));
  EXPECT_EQ(second.error().what, "another holdfast process holds " + scratch / "store" + "; stop it first");
}

TEST(Rocks, what_is_applied_at_once_is_written_in_pieces_that_a_start_can_read) {
  const Scratch scratch;
  constexpr unsigned kLockers = 100;
  std::vector<LockerChange> changes;
  for (unsigned i = 0; i < kLockers; ++i) {
    changes.push_back({Shelf::records, locker(i), kAnyVersion, {{"k", Bytes(1u << 20, static_cast<char>(i))}}, {}});
  }
  changes.push_back({Shelf::records, locker(0), 1, {{"k", "again"}}, {}});    // sees the one before it
  changes.push_back({Shelf::records, locker(1), 7, {{"k", "not yet"}}, {}});  // and this one another
  {
    const auto store = must_open(scratch / "store");
    const auto results = store->apply(changes);
    for (unsigned i = 0; i <= kLockers; ++i) ASSERT_TRUE(results[i]) << i;
    EXPECT_EQ(results.back().error().code, Code::conflict);
  }
  const auto store = must_open(scratch / "store");
  EXPECT_EQ(*store->get(Shelf::records, locker(0), "k"), "again");
  for (unsigned i = 1; i < kLockers; ++i) {
    EXPECT_EQ((**store->get(Shelf::records, locker(i), "k")).size(), 1u << 20) << i;
  }
}

TEST(Rocks, a_place_that_cannot_be_a_directory_is_an_error) {
  const Scratch scratch;
  std::ofstream(scratch / "file") << "x";
  EXPECT_TRUE(fails(open_rocksdb(scratch / "file/store"), Code::unavailable, "storage.directory"));
  EXPECT_TRUE(fails(open_rocksdb("/proc/no/store"), Code::unavailable, "storage.directory"));
}

TEST(Rocks, a_look_changes_nothing_and_names_the_part_that_is_gone) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    ASSERT_TRUE(put(*store, Shelf::records, 1, "k", "v"));
  }
  const auto before = files(scratch / "store/records", "");
  {
    const auto looking = must_open(scratch / "store", {.read_only = true});
    EXPECT_EQ(*looking->get(Shelf::records, locker(1), "k"), "v");
    EXPECT_EQ(*looking->end("log"), 0u);
    EXPECT_FALSE(put(*looking, Shelf::records, 1, "k", "w"));
  }
  EXPECT_EQ(files(scratch / "store/records", ""), before);
  std::filesystem::remove_all(scratch / "store/log");
  const auto missed = open_rocksdb(scratch / "store", {.read_only = true});
  ASSERT_TRUE(fails(missed, Code::not_found, "storage.part.missing"));
  EXPECT_EQ(missed.error().where, scratch / "store/log");
  EXPECT_FALSE(std::filesystem::exists(scratch / "store/log"));
}

TEST(Rocks, a_store_says_its_format_and_one_of_another_is_refused_untouched) {
  const Scratch scratch;
  must_open(scratch / "store").reset();
  for (const char* part : {"records", "keys", "log"}) {
    EXPECT_EQ(slurp(scratch / "store" + "/" + part + "/FORMAT"),
              "holdfast store " + std::to_string(kStoreFormat) + "\n");
  }
  const std::string format = scratch / "store/log/FORMAT";
  std::ofstream(format) << "holdfast store " + std::to_string(kStoreFormat + 1) + "\n";
  const auto before = files(scratch / "store/log", ".log");
  EXPECT_TRUE(fails(open_rocksdb(scratch / "store", {.read_only = true}), Code::unsupported, "storage.format"));
  const auto later = open_rocksdb(scratch / "store");
  ASSERT_TRUE(fails(later, Code::unsupported, "storage.format"));
  EXPECT_NE(later.error().what.find("of format " + std::to_string(kStoreFormat + 1)), std::string::npos)
      << later.error().what;
  EXPECT_EQ(files(scratch / "store/log", ".log"), before);
  for (const char* odd : {"", "\n", "holdfast store ", "holdfast store \n", "holdfast store 1", "holdfast store 1x\n",
                          "holdfast store -1\n", "holdfast store 99999999999\n", "holdfast store 01 \n"}) {
    std::ofstream(format, std::ios::trunc) << odd;
    EXPECT_TRUE(fails(open_rocksdb(scratch / "store"), Code::corrupt, "storage.format")) << odd;
  }
  std::ofstream(format, std::ios::trunc) << std::string(1000, '1');
  EXPECT_TRUE(fails(open_rocksdb(scratch / "store"), Code::corrupt, "storage.format"));
  std::filesystem::remove(format);
  EXPECT_TRUE(fails(open_rocksdb(scratch / "store"), Code::corrupt, "storage.format"))
      << "a database without its format";
}

TEST(Rocks, keys_and_records_share_no_file_and_others_may_not_read_them) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    ASSERT_TRUE(put(*store, Shelf::keys, 1, "k", "the wrapped key of somebody"));
    ASSERT_TRUE(put(*store, Shelf::records, 1, "k", "the sealed record of somebody"));
  }
  EXPECT_FALSE(grep(scratch / "store/keys", "the wrapped key of somebody").empty());
  EXPECT_TRUE(grep(scratch / "store/records", "the wrapped key of somebody").empty());
  EXPECT_TRUE(grep(scratch / "store/log", "the wrapped key of somebody").empty());
  EXPECT_TRUE(grep(scratch / "store/keys", "the sealed record of somebody").empty());
  for (const char* part : {"records", "keys", "log"}) {
    EXPECT_EQ(std::filesystem::status(scratch / "store" + "/" + part).permissions(), std::filesystem::perms::owner_all);
  }
}

TEST(Rocks, the_leases_of_a_process_end_with_it) {
  const Scratch scratch;
  auto store = must_open(scratch / "store");
  const auto first = store->acquire("log", "process 1", std::chrono::hours(1));
  ASSERT_TRUE(first);
  store.reset();
  store = must_open(scratch / "store");
  EXPECT_TRUE(fails(store->append("log", 0, 1, "x", *first), Code::conflict, "storage.lease.lost"));
  const auto second = store->acquire("log", "process 2", std::chrono::hours(1));
  ASSERT_TRUE(second);
  EXPECT_GT(*second, *first);
}

TEST(Rocks, statistics_tell_sizes) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  ASSERT_TRUE(put(*store, Shelf::records, 1, "k", Bytes(100'000, 'x')));
  std::uint64_t on_disk = 0;
  for (const auto& [name, value] : store->statistics()) {
    if (name == "records_bytes_on_disk") on_disk = value;
  }
  EXPECT_GT(on_disk, 100'000u);
}

TEST(Rocks, a_trimmed_journal_gives_its_disk_space_back) {
  const Scratch scratch;
  auto store = must_open(scratch / "store");
  const auto token = store->acquire("log", "w", std::chrono::hours(1));
  ASSERT_TRUE(token);
  constexpr std::uint64_t kBatches = 120;
  for (std::uint64_t at = 0; at < kBatches; ++at) {
    ASSERT_TRUE(store->append("log", at, 1, Bytes(1u << 20, static_cast<char>(at)), *token));
    ASSERT_TRUE(store->trim("log", at));
  }
  store.reset();
  store = must_open(scratch / "store");
  std::uint64_t on_disk = 0;
  for (const auto& [name, value] : store->statistics()) {
    if (name == "log_bytes_on_disk") on_disk = value;
  }
  EXPECT_LT(on_disk, 60u << 20) << "of 120 MiB appended, one batch is still wanted";
}

}  // namespace
}  // namespace holdfast::storage
