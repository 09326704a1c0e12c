#include "storage/rocksdb/tables.h"

#include "storage/disk.h"
#include "storage/rocksdb/killed_test.h"

namespace holdfast::storage {
namespace {

TEST(Tables, a_bit_that_would_end_the_engine_is_found_before_it_does) {
  const Scratch scratch;
  fill_table(scratch / "store");
  const auto table = files(scratch / "store/records", ".sst").front();
  const std::string whole = slurp(table);
  for (std::size_t back = 1; back <= 400; ++back) {
    std::string now = whole;
    now[now.size() - back] ^= '\x80';
    std::ofstream(table, std::ios::binary) << now;
    const auto opened = open_rocksdb(scratch / "store", {.read_only = true});
    if (opened) continue;  // not every byte of a table is looked at
    EXPECT_EQ(opened.error().where, table) << back << " " << opened.error().text();
  }
}

TEST(Tables, a_table_that_was_begun_and_never_taken_in_is_no_damage) {
  const Scratch scratch;
  fill_table(scratch / "store");
  std::string torn = slurp(files(scratch / "store/records", ".sst").front());
  for (std::size_t back = 60; back < 400; ++back) torn[torn.size() - back] = '\xff';
  const std::string table = scratch / "store/records/000999.sst";
  std::ofstream(table, std::ios::binary) << torn;
  EXPECT_TRUE(open_rocksdb(scratch / "store"));
  EXPECT_FALSE(std::filesystem::exists(table));
}

}  // namespace
}  // namespace holdfast::storage
