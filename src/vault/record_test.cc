#include "vault/record.h"

#include <gtest/gtest.h>

#include <random>

#include "vault/chunk.h"
#include "vault/testing.h"

namespace holdfast::vault {
namespace {

Record some_record(std::mt19937_64& random) {
  Record out;
  FieldTag tag = 0;
  for (std::uint64_t i = random() % 8; i > 0; --i) {
    tag += 1 + static_cast<FieldTag>(random() % 1000);
    out.set(tag, Bytes(random() % 40, static_cast<char>(random())));
  }
  return out;
}

TEST(Record, KeepsItsFieldsInOrder) {
  Record record;
  record.set(9, "nine");
  record.set(3, "three");
  record.set(5, "five");
  record.set(9, "Nine");
  ASSERT_EQ(record.values.size(), 3u);
  EXPECT_EQ(record.values[0], (FieldValue{3, "three"}));
  EXPECT_EQ(record.values[2], (FieldValue{9, "Nine"}));
  EXPECT_EQ(*record.find(5), "five");
  EXPECT_EQ(record.find(4), nullptr);
  EXPECT_EQ(record.find(10), nullptr);
}

TEST(Record, HasTheBytesThatAreDocumented) {
  Record record;
  record.set(0x01020304, "ab");
  Bytes out;
  ASSERT_TRUE(encode_record(record, out));
  EXPECT_EQ(out, Bytes("\x01\x01\x01\x02\x03\x04\x02"
                       "ab",
                       9));
}

TEST(Record, ComesBackAsItWas) {
  std::mt19937_64 random(printed_seed());
  Record again;  // reused, as readers do
  for (int i = 0; i < 2000; ++i) {
    const Record record = some_record(random);
    Bytes bytes;
    ASSERT_TRUE(encode_record(record, bytes));
    ASSERT_TRUE(decode_record(bytes, again));
    ASSERT_EQ(again, record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_FALSE(decode_record(ByteView(bytes).substr(0, size), again)) << "cut to " << size;
    }
    ASSERT_FALSE(decode_record(bytes + "x", again)) << "something follows";
  }
}

TEST(Record, RefusesWhatIsOutOfOrderOrTooLarge) {
  Bytes out;
  EXPECT_EQ(encode_record({{{5, "a"}, {5, "b"}}}, out).error().slug, "vault.record.order");
  EXPECT_EQ(encode_record({{{5, "a"}, {4, "b"}}}, out).error().slug, "vault.record.order");
  EXPECT_EQ(encode_record({{{5, Bytes(kRecordBytesMax, 'x')}}}, out).error().slug, "vault.record.large");
  Record wide;
  for (FieldTag tag = 0; tag <= kFieldsMax; ++tag) wide.set(tag, "");
  EXPECT_EQ(encode_record(wide, out).error().slug, "vault.record.large");
  EXPECT_TRUE(out.empty());

  Record record;
  const Bytes descending("\x01\x02\0\0\0\x05\0\0\0\0\x04\0", 12);
  EXPECT_EQ(decode_record(descending, record).error().slug, "vault.record.malformed");
  EXPECT_EQ(decode_record("\x02", record).error().code, Code::corrupt) << "a format of the future";
  EXPECT_FALSE(decode_record(Bytes("\x01\xff\xff\xff\xff\x0f", 6), record)) << "a count that lies";
}

TEST(RowKeys, AscendByLengthThenBytes) {
  EXPECT_TRUE(key_less("9", "10"));
  EXPECT_TRUE(key_less("10", "11"));
  EXPECT_FALSE(key_less("11", "11"));
  EXPECT_TRUE(key_less("", "0"));
  EXPECT_TRUE(key_less("2026-01-01", "2026-01-02"));
}

Bytes encoded(const Record& record) {
  Bytes out;
  EXPECT_TRUE(encode_record(record, out));
  return out;
}

TEST(Chunk, GivesBackItsRowsInOrder) {
  std::mt19937_64 random(printed_seed());
  for (int round = 0; round < 200; ++round) {
    Chunk chunk(static_cast<std::uint32_t>(random() % 100));
    std::vector<std::tuple<Bytes, UnixMillis, Record>> rows;
    UnixMillis now = static_cast<UnixMillis>(random() % 1'000'000);
    for (int i = 0; !chunk.full() && i < 60; ++i) {
      now += static_cast<UnixMillis>(random() % 1000);
      rows.emplace_back("k" + std::to_string(random()), now, some_record(random));
      chunk.add(std::get<0>(rows.back()), now, encoded(std::get<2>(rows.back())));
    }
    const auto again = Chunk::decode(chunk.header(), chunk.encode());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->running_max(), chunk.running_max());
    RowReader reader(*again);
    Record record;
    for (const auto& [key, deposited, wanted] : rows) {
      ASSERT_TRUE(reader.next());
      EXPECT_EQ(reader.key(), key);
      EXPECT_EQ(reader.deposited(), deposited);
      EXPECT_TRUE(reader.holds(encoded(wanted)));
      EXPECT_TRUE(again->covers(key, key));
      reader.copy_to(record);
      EXPECT_EQ(record, wanted);
    }
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.ok());
  }
}

TEST(Chunk, DropsTheOldAndRemembersTheLargestKey) {
  Chunk chunk(7);
  chunk.add("z", 100, encoded({{{1, "a"}}}));
  chunk.add("b", 200, encoded({{{1, "b"}}}));
  chunk.add("c", 300, encoded({{{1, "c"}}}));
  const auto rest = chunk.after(100);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->header().number, 7u);
  EXPECT_EQ(rest->header().count, 2u);
  EXPECT_EQ(rest->header().first, 200);
  EXPECT_EQ(rest->running_max(), "z");
  EXPECT_FALSE(rest->covers("z", "z"));
  EXPECT_EQ(rest->successor().header().number, 8u);
  EXPECT_EQ(rest->successor().running_max(), "z");
  EXPECT_EQ(chunk.after(300)->header().count, 0u);
}

TEST(Chunk, NoticesRowsThatAreNone) {
  Chunk chunk;
  chunk.add("k", 5, encoded({{{1, "value"}}}));
  const Bytes bytes = chunk.encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = Chunk::decode(chunk.header(), ByteView(bytes).substr(0, size));
    if (!cut) continue;
    RowReader reader(*cut);
    while (reader.next()) {
    }
    EXPECT_FALSE(reader.ok()) << "cut to " << size;
  }
  ChunkHeader one_more = chunk.header();
  one_more.count = 2;
  const auto lying = Chunk::decode(one_more, bytes);
  RowReader reader(*lying);
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace holdfast::vault
