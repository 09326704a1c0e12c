#include <gtest/gtest.h>

#include <boost/crc.hpp>
#include <filesystem>

#include "base/file.h"
#include "storage/rocksdb_wal.h"
#include "storage/scratch_test.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kBlock = 32768, kHeader = 7;

/// A log as RocksDB writes it.
class Log {
 public:
  Log& record(Bytes payload) {
    bool first = true;
    do {
      const std::size_t left = kBlock - bytes.size() % kBlock;
      if (left < kHeader) {
        bytes.append(left, '\0');
        continue;
      }
      const std::size_t size = std::min(payload.size(), left - kHeader);
      const bool last = size == payload.size();
      fragment(first ? (last ? 1 : 2) : (last ? 4 : 3), payload.substr(0, size));
      payload.erase(0, size);
      first = false;
    } while (!payload.empty());
    return *this;
  }
  Log& zeros(std::size_t size) {
    bytes.append(size, '\0');
    return *this;
  }
  Log& wipe(std::size_t from, std::size_t size) {
    bytes.replace(from, size, Bytes(size, '\0'));
    return *this;
  }
  Log& rot(std::size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    return *this;
  }
  std::size_t size() const { return bytes.size(); }
  Bytes bytes;

 private:
  void fragment(char type, const Bytes& payload) {
    const Bytes body = type + payload;
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(body.data(), body.size());
    const std::uint32_t sum = crc.checksum();
    const std::uint32_t masked = ((sum >> 15) | (sum << 17)) + 0xa282ead8u;
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(masked >> shift));
    bytes.push_back(static_cast<char>(payload.size() & 0xff));
    bytes.push_back(static_cast<char>(payload.size() >> 8));
    bytes.append(body);
  }
};

/// What is left of it; nothing if it is refused.
std::optional<std::size_t> ended(const Log& log, const char* name = "000007.log") {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "db");
  const std::string path = scratch / "db" + "/" + name;
  EXPECT_TRUE(write_file(path, log.bytes));
  const auto done = end_logs(scratch / "db", false);
  const auto left = read_file(path);
  EXPECT_EQ(log.bytes.substr(0, left->size()), *left) << "what is left is as it was";
  if (done) return left->size();
  EXPECT_EQ(done.error().slug, "storage.corrupt");
  EXPECT_EQ(done.error().where, path);
  EXPECT_EQ(left->size(), log.size());
  return std::nullopt;
}

Log some() { return Log().record(Bytes(300, 'a')).record(Bytes(700, 'b')).record(Bytes(70000, 'c')); }

TEST(WalEnd, CutsZerosWrittenAhead) {
  EXPECT_EQ(ended(some()), some().size());
  EXPECT_EQ(ended(some().zeros(100'000)), some().size());
  EXPECT_EQ(ended(Log().zeros(100'000)), 0u);
  EXPECT_EQ(ended(Log()), 0u);
}

TEST(WalEnd, EndsAManifestToo) {
  const Log log = some().record(Bytes(900, 'd'));
  const std::size_t whole = some().size();
  EXPECT_EQ(ended(log, "MANIFEST-000004"), log.size());
  EXPECT_EQ(ended(Log(log).wipe(whole, 512 - whole % 512), "MANIFEST-000004"), whole);
  EXPECT_EQ(ended(Log(log).rot(whole + 20), "MANIFEST-000004"), log.size());
}

TEST(WalEnd, EndsAtARecordThatEndsWithABlock) {
  const Log log = Log().record(Bytes(kBlock - 2 * kHeader, 'a'));  // no header fits behind it, but an empty one
  EXPECT_EQ(ended(Log(log).zeros(5000)), log.size());
  const Log full = Log().record(Bytes(kBlock - kHeader, 'a'));
  EXPECT_EQ(ended(Log(full).zeros(5000)), full.size());
}

TEST(WalEnd, CutsALastRecordOfWhichASectorIsMissing) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(90'000, 'd'));
  for (std::size_t sector = (whole / 512 + 1) * 512; sector + 512 <= log.size(); sector += 1536) {
    ASSERT_EQ(ended(Log(log).wipe(sector, 512).zeros(5000)), whole) << sector;
  }
  const std::size_t first = (whole / 512 + 1) * 512 - whole;
  EXPECT_EQ(ended(Log(log).wipe(whole, first).zeros(5000)), whole) << "the one with its header";
  const std::size_t last = log.size() / 512 * 512;
  EXPECT_EQ(ended(Log(log).wipe(last, log.size() - last).zeros(5000)), whole) << "the one with its end";
}

TEST(WalEnd, CutsALastRecordOfWhichTheEndIsMissing) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(300, 'd'));
  for (std::size_t left = whole; left < log.size(); left += left < whole + 8 || left + 8 > log.size() ? 1 : 7) {
    ASSERT_EQ(ended(Log(log).wipe(left, log.size() - left).zeros(5000)), whole) << left;
  }
  // Its header lies in the next block.
  const Log near = Log().record(Bytes(kBlock - kHeader - 3, 'a'));
  const Log over = Log(near).record(Bytes(300, 'd'));
  for (std::size_t left = near.size(); left < near.size() + 12; ++left) {
    ASSERT_LE(ended(Log(over).wipe(left, over.size() - left).zeros(5000)), kBlock) << left;
  }
}

TEST(WalEnd, CutsALastRecordThatTheFilesEndCuts) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(90'000, 'd'));
  for (std::size_t size = whole; size < log.size(); size += 3989) {
    Log cut = log;
    cut.bytes.resize(size);
    ASSERT_EQ(ended(cut), whole) << size;
  }
}

TEST(WalEnd, LeavesWhatIsDamagedInAnotherWay) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(90'000, 'd'));
  for (const std::size_t at :
       {std::size_t{3}, std::size_t{200}, whole - 5, whole + 6, whole + 50'000, log.size() - 1}) {
    ASSERT_EQ(ended(Log(log).rot(at)), log.size()) << at;
    ASSERT_GE(ended(Log(log).rot(at).zeros(5000)), log.size()) << at;
  }
}

TEST(WalEnd, RefusesALastRecordOfWhichOnlyTheLengthRotted) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "db");
  const std::string path = scratch / "db/000007.log";
  const Log small = some().record(Bytes(300, 'd')), large = some().record(Bytes(90'000, 'd'));
  const std::size_t whole = some().size();
  for (const Log& log : {Log(small), Log(small).zeros(5000), Log(large).zeros(5000)}) {
    const std::size_t header = log.size() > 90'000 ? large.size() / kBlock * kBlock : whole;  // of the last fragment
    for (int bit = 0; bit < 16; ++bit) {
      Log rotten = log;
      rotten.bytes[header + 4 + bit / 8] = static_cast<char>(rotten.bytes[header + 4 + bit / 8] ^ (1 << bit % 8));
      ASSERT_TRUE(write_file(path, rotten.bytes));
      const auto refused = end_logs(scratch / "db", false);
      ASSERT_FALSE(refused) << bit;
      EXPECT_EQ(refused.error().slug, "storage.corrupt");
      EXPECT_EQ(refused.error().where, path);
      EXPECT_EQ(read_file(path)->size(), rotten.size()) << "as it was";
      ASSERT_TRUE(end_logs(scratch / "db", true));
      EXPECT_EQ(read_file(path)->size(), whole) << "what precedes it is kept";
    }
  }
}

TEST(WalEnd, RefusesALengthThatRottedBeforeARecord) {
  for (const Log& log : {some().record(Bytes(300, 'd')), Log().record(Bytes(300, 'a')).record(Bytes(300, 'b'))}) {
    for (int bit = 0; bit < 16; ++bit) {
      Log rotten = log;
      rotten.bytes[4 + bit / 8] = static_cast<char>(rotten.bytes[4 + bit / 8] ^ (1 << bit % 8));
      EXPECT_FALSE(ended(rotten)) << bit;
      EXPECT_FALSE(ended(rotten.zeros(5000))) << bit;
    }
  }
}

TEST(WalEnd, CutsNothingAtAHoleThatARecordFollows) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(2000, 'd')).record(Bytes(10, 'e'));
  const std::size_t sector = (whole / 512 + 1) * 512;
  EXPECT_GE(ended(Log(log).wipe(sector, 512).zeros(5000)), log.size()) << "for the engine, its sum is wrong";
  EXPECT_FALSE(ended(Log(log).wipe(whole, sector - whole).zeros(5000)));
}

}  // namespace
}  // namespace holdfast::storage
