#include "storage/rocksdb/wal_end.h"

#include <gtest/gtest.h>

#include <boost/crc.hpp>
#include <filesystem>

#include "base/file.h"
#include "storage/disk.h"
#include "storage/rocksdb/files.h"
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

std::size_t data_end(const Bytes& bytes) { return bytes.find_last_not_of('\0') + 1; }

/// What is left of it, before zeros; nothing if it is refused.
std::optional<std::size_t> ended(const Log& log, const char* name = "000007.log") {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "db");
  const std::string path = scratch / "db" + "/" + name;
  EXPECT_TRUE(write_file(path, log.bytes));
  const auto done = end_logs(scratch / "db", false);
  const auto left = read_file(path);
  const std::size_t end = data_end(*left);
  EXPECT_EQ(log.bytes.substr(0, end), left->substr(0, end)) << "what is left is as it was";
  if (done) return end;
  EXPECT_EQ(done.error().slug, "storage.corrupt");
  EXPECT_EQ(done.error().where, path);
  EXPECT_EQ(left->size(), log.size());
  return std::nullopt;
}

Log some() { return Log().record(Bytes(300, 'a')).record(Bytes(700, 'b')).record(Bytes(70000, 'c')); }

TEST(WalEnd, ZerosWrittenAheadStay) {
  EXPECT_EQ(ended(some()), some().size());
  EXPECT_EQ(ended(some().zeros(100'000)), some().size());
  EXPECT_EQ(ended(Log().zeros(100'000)), 0u);
  EXPECT_EQ(ended(Log()), 0u);
}

TEST(WalEnd, RefusesALogThatWasCut) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "db");
  const std::string path = scratch / "db/000007.log";
  const auto end_as = [&](const Bytes& bytes, bool drop_damaged = false) {
    EXPECT_TRUE(write_file(path, bytes));
    EXPECT_EQ(ends_of(scratch / "db", drop_damaged).has_value(), end_logs(scratch / "db", drop_damaged).has_value());
    EXPECT_TRUE(write_file(path, bytes));
    const auto done = end_logs(scratch / "db", drop_damaged);
    EXPECT_TRUE(done || *read_file(path) == bytes) << "as it was";
    return done;
  };
  // Its last record ends in a block, with it, and so that no header fits behind it.
  for (const std::size_t last : {300, 90'000, 3 * 32768 - 71'028 - 7, 3 * 32768 - 71'028 - 12}) {
    const Log log = some().record(Bytes(last, '\0').append("d"));
    const Bytes whole = Log(log).zeros(1 << 16).bytes;
    ASSERT_TRUE(end_as(whole)) << "not noted yet";
    ASSERT_TRUE(end_as(log.bytes)) << "not noted yet";
    ASSERT_TRUE(note_file(path, 1));
    ASSERT_TRUE(end_as(whole));
    std::vector<std::size_t> sizes{
        0, 1, 7, 307, some().size(), 32768, 65536, log.size() - 1, log.size(), log.size() + 6};
    for (std::size_t size = 500; size < log.size(); size += 19'937) sizes.push_back(size);
    for (const std::size_t size : sizes) {
      const Bytes cut = whole.substr(0, size);
      const auto refused = end_as(cut);
      ASSERT_FALSE(refused) << size << " of " << log.size();
      EXPECT_EQ(refused.error().slug, "storage.corrupt");
      EXPECT_EQ(refused.error().where, path);
      EXPECT_TRUE(is_mendable(refused.error()));
      ASSERT_TRUE(end_as(cut, true));
      ASSERT_TRUE(end_logs(scratch / "db", false)) << "what is left has room again";
    }
    ASSERT_TRUE(end_as(whole.substr(0, log.size() + 32768))) << "only zeros are gone";
    ASSERT_TRUE(forget_file(path));
  }
}

TEST(WalEnd, ATornRecordIsNotACutOne) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "db");
  const std::string path = scratch / "db/000007.log";
  ASSERT_TRUE(write_file(path, ""));
  ASSERT_TRUE(note_file(path, 1));
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(90'000, 'd'));
  for (std::size_t size = whole; size < log.size(); size += 3989) {
    ASSERT_TRUE(write_file(path, Log(log).wipe(size, log.size() - size).zeros(1 << 16).bytes));
    ASSERT_TRUE(end_logs(scratch / "db", false)) << size;
    EXPECT_EQ(data_end(*read_file(path)), whole);
  }
}

TEST(WalEnd, EndsTheManifestInForceBehindWhatIsWhole) {
  const Scratch scratch;
  const std::string folder = scratch / "db", path = folder + "/MANIFEST-000004";
  std::filesystem::create_directories(folder);
  ASSERT_TRUE(write_file(folder + "/CURRENT", "MANIFEST-000004\n"));
  const std::size_t synced = some().size();
  ASSERT_TRUE(note_file(path, synced));
  const auto ended = [&](const Bytes& bytes) -> std::optional<std::size_t> {
    EXPECT_TRUE(write_file(path, bytes));
    const auto done = end_logs(folder, false);
    if (done) return read_file(path)->size();
    EXPECT_EQ(done.error().slug, "storage.corrupt");
    EXPECT_EQ(done.error().where, path);
    EXPECT_FALSE(is_mendable(done.error()));
    EXPECT_EQ(*read_file(path), bytes);
    return std::nullopt;
  };
  const Log log = some().record(Bytes(900, 'd'));
  EXPECT_EQ(ended(some().bytes), synced);
  EXPECT_EQ(ended(log.bytes), log.size()) << "written, and not noted yet";
  for (std::size_t at = synced; at < log.size(); at += 31) {
    EXPECT_EQ(ended(log.bytes.substr(0, at)), synced);
    EXPECT_EQ(ended(Log(log).rot(at).bytes), synced);
    EXPECT_EQ(ended(Log(log).rot(at).record(Bytes(50, 'e')).bytes), synced);
  }
  for (std::size_t at = 0; at < synced; at += 3989) {
    EXPECT_FALSE(ended(log.bytes.substr(0, at))) << at;
    EXPECT_FALSE(ended(Log(log).rot(at).bytes)) << at;
  }
  EXPECT_FALSE(ended(some().bytes.substr(0, synced - 1)));
  // Of another one that was begun nothing is asked.
  ASSERT_TRUE(write_file(path, some().bytes));
  ASSERT_TRUE(write_file(folder + "/MANIFEST-000009", log.bytes.substr(0, synced / 2)));
  EXPECT_TRUE(end_logs(folder, false));
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

TEST(WalEnd, RefusesWhatIsDamagedInAnotherWay) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(90'000, 'd'));
  for (const std::size_t at :
       {std::size_t{3}, std::size_t{200}, whole - 5, whole + 6, whole + 50'000, log.size() - 1}) {
    ASSERT_FALSE(ended(Log(log).rot(at))) << at;
    ASSERT_FALSE(ended(Log(log).rot(at).zeros(5000))) << at;
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
      ASSERT_EQ(ends_of(scratch / "db", true)->logs.at("000007.log").at, whole);
      const auto refused = end_logs(scratch / "db", false);
      ASSERT_FALSE(refused) << bit;
      EXPECT_EQ(refused.error().slug, "storage.corrupt");
      EXPECT_EQ(refused.error().where, path);
      EXPECT_EQ(read_file(path)->size(), rotten.size()) << "as it was";
      ASSERT_TRUE(end_logs(scratch / "db", true));
      EXPECT_EQ(data_end(*read_file(path)), whole) << "what precedes it is kept";
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

TEST(WalEnd, CutsNoTornRecordBehindDamage) {
  const std::size_t whole = some().size(), sector = (whole / 512 + 1) * 512;
  const Log log = some().record(Bytes(2000, 'd')).record(Bytes(2000, 'e'));
  const Log torn = Log(log).wipe(log.size() - 300, 300).zeros(5000);
  EXPECT_LE(ended(torn), log.size() - 300);
  EXPECT_FALSE(ended(Log(torn).rot(sector)));
  EXPECT_FALSE(ended(Log(torn).wipe(sector, 512))) << "or the hole would be in the last record, and torn";
}

TEST(WalEnd, CutsNothingAtAHoleThatARecordFollows) {
  const std::size_t whole = some().size();
  const Log log = some().record(Bytes(2000, 'd')).record(Bytes(10, 'e'));
  const std::size_t sector = (whole / 512 + 1) * 512;
  EXPECT_FALSE(ended(Log(log).wipe(sector, 512).zeros(5000)));
  EXPECT_FALSE(ended(Log(log).wipe(whole, sector - whole).zeros(5000)));
}

TEST(WalEnd, OnlyTheLastLogThatHasRecordsCanBeTorn) {
  const Scratch scratch;
  const std::string folder = scratch / "db", older = folder + "/000007.log", newer = folder + "/000009.log";
  std::filesystem::create_directories(folder);
  const Log log = some().record(Bytes(300, 'd'));
  ASSERT_TRUE(write_file(older, Log(log).wipe(log.size() - 20, 20).zeros(40'000).bytes));
  ASSERT_TRUE(write_file(newer, Log().zeros(40'000).bytes));
  ASSERT_TRUE(end_logs(folder, false)) << "the newer one was just begun";
  ASSERT_TRUE(write_file(older, Log(log).wipe(log.size() - 20, 20).zeros(40'000).bytes));
  ASSERT_TRUE(write_file(newer, some().zeros(40'000).bytes));
  const auto refused = end_logs(folder, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, older);
  // What follows damage is dropped with it.
  ASSERT_TRUE(end_logs(folder, true));
  EXPECT_EQ(data_end(*read_file(older)), some().size());
  EXPECT_EQ(data_end(*read_file(newer)), 0u);
}

}  // namespace
}  // namespace holdfast::storage
